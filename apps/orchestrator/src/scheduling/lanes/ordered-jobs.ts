/** Something with a place in the order of submission. */
export interface Placed {
  readonly seq: number;
}

/** Jobs in the order of their submission. Those that come back go to their old place. */
export class OrderedJobs<Job extends Placed> {
  private readonly jobs: Job[] = [];

  get first(): Job | undefined {
    return this.jobs[0];
  }

  /** The next one behind a place. */
  after(seq: number): Job | undefined {
    return this.jobs[this.placeOf(seq + 1)];
  }

  add(job: Job): void {
    const last = this.jobs.at(-1);
    // Nearly all come at the end, and leave at the beginning.
    if (last === undefined || last.seq < job.seq) this.jobs.push(job);
    else this.jobs.splice(this.placeOf(job.seq), 0, job);
  }

  remove({ seq }: Placed): void {
    if (this.first?.seq === seq) this.jobs.shift();
    else {
      const place = this.placeOf(seq);
      if (this.jobs[place]?.seq === seq) this.jobs.splice(place, 1);
    }
  }

  /** The place of the first job that is not before a number. */
  private placeOf(seq: number): number {
    let low = 0;
    let high = this.jobs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.jobs[middle]?.seq ?? Number.POSITIVE_INFINITY) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
