/** A score one up or down; what is no number begins at nothing. */
export function nextScore(score: string, by: 1 | -1): string {
  const number = /^-?\d{1,5}$/.test(score.trim()) ? Number(score) : 0;
  return String(Math.max(0, number + by));
}
