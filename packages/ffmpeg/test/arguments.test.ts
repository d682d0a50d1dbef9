import { describe, expect, test } from "@jest/globals";
import { type Slate, type StreamConfigInput, streamConfigSchema } from "@stream-control/protocol";
import { ffmpeg } from "@stream-control/test-kit";
import fc from "fast-check";
import {
  factsWithoutProbing,
  fileFormatOf,
  isRealtime,
  type MediaFacts,
  programArguments,
  rtmpAddress,
  senderArguments,
  slateArguments,
} from "../src/index.js";

const FILE = { type: "file", path: "/r/a.mp4" } as const;
const RTMP = { type: "rtmp", url: "rtmp://h/live", streamKey: "key" } as const;
const BOTH: MediaFacts = { hasVideo: true, hasAudio: true };

const config = (input: StreamConfigInput) => streamConfigSchema.parse(input);
const program = (input: StreamConfigInput, facts: MediaFacts = BOTH, videoEncoder = "libx264", muted = false) =>
  programArguments(config(input), { ...facts, videoEncoder, muted }).join(" ");
/** The inputs of a program: what stands between its reporting and its maps. */
const inputs = (input: StreamConfigInput, facts: MediaFacts = BOTH) =>
  program(input, facts)
    .replace(/^.*-stats_period 0\.1 /, "")
    .replace(/ -vf .*$/, "");

const MEDIA =
  "mov,matroska,webm,mpegts,mpeg,mpegvideo,flv,avi,asf,mxf,gxf,nut,ogg,wav,w64,mp3,aac,ac3,eac3,flac,aiff,h264,hevc,ivf,obu,gif,yuv4mpegpipe,dv,rm,wtv";
const LIVE = "-fflags +genpts -thread_queue_size 1024";

describe("the program", () => {
  test("of a test picture is exactly this", () => {
    expect(
      programArguments(config({ source: { type: "test" }, destinations: [RTMP] }), {
        ...BOTH,
        videoEncoder: "libx264",
        muted: false,
      }),
    ).toEqual([
      ...["-hide_banner", "-loglevel", "level+warning", "-nostats", "-progress", "pipe:3", "-stats_period", "0.1"],
      ...["-re", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30"],
      ...["-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"],
      ...["-map", "0:v:0", "-map", "1:a:0", "-vf"],
      "scale=1280:720:force_original_aspect_ratio=decrease:force_divisible_by=2:out_range=tv,pad=1280:720:(ow-iw)/2:(oh-ih)/2,setsar=1,fps=30,setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709,format=yuv420p",
      ...["-af", "aresample=async=1:first_pts=0,volume@main=1.0"],
      ...["-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-profile:v", "high"],
      ...["-sc_threshold", "0", "-forced-idr", "1", "-b:v", "3000k", "-maxrate", "3000k", "-bufsize", "6000k"],
      ...["-g", "60", "-force_key_frames", "expr:eq(mod(n,60),0)", "-flags", "+cgop"],
      ...["-c:a", "aac", "-b:a", "128k", "-ar", "48000", "-ac", "2", "-sn", "-dn", "-map_metadata", "-1"],
      ...["-muxdelay", "0", "-muxpreload", "0", "-flush_packets", "1"],
      ...["-pes_payload_size", "0", "-omit_video_pes_length", "0"],
      ...["-protocol_whitelist", "pipe", "-f", "mpegts", "pipe:1"],
    ]);
  });

  test("differs from its unmuted self in the volume alone", () => {
    const input = { source: { type: "test" } } as const;
    expect(program(input, BOTH, "libx264", true)).toBe(program(input).replace("volume@main=1.0", "volume@main=0"));
  });

  test.each([
    [
      "h264_nvenc",
      "-c:v h264_nvenc -preset p3 -profile:v high -rc cbr -bf 0 -no-scenecut 1 -forced-idr 1 -tune ll -delay 0",
    ],
    ["h264_qsv", "-c:v h264_qsv -preset veryfast -profile:v high -bf 0 -forced_idr 1"],
    ["h264_vaapi", "-c:v h264_vaapi -rc_mode CBR -profile:v high -bf 0 -compression_level 6"],
    ["h264_videotoolbox", "-c:v h264_videotoolbox -profile:v high -bf 0 -realtime 1"],
    ["h264_v4l2m2m", "-c:v h264_v4l2m2m -bf 0"],
  ])("speaks %s", (encoder, words) => {
    const text = program({ source: { type: "test" } }, BOTH, encoder);
    expect(text).toContain(`${words} -b:v 3000k -maxrate 3000k -bufsize 6000k -g 60`);
  });

  test("brings pictures to the card where the encoder is one", () => {
    const text = program({ source: { type: "test" } }, BOTH, "h264_vaapi");
    expect(text).toContain("-vaapi_device /dev/dri/renderD128 -re");
    expect(text).toContain("colorspace=bt709,format=nv12,hwupload ");
  });

  test("counts keyframes in frames, also for broken rates, and ends after the wanted time", () => {
    const text = program({ source: { type: "test" }, video: { fps: 29.97, gopSeconds: 2 }, durationSeconds: 12.5 });
    expect(text).toContain("-g 60 -force_key_frames expr:eq(mod(n,60),0)");
    expect(text).toContain(" -t 12.5 ");
  });
});

describe("the inputs", () => {
  test.each<[string, StreamConfigInput["source"], string]>([
    [
      "an RTMP pull",
      { type: "rtmp", url: "rtmp://h/a/k" },
      `${LIVE} -protocol_whitelist rtmp,rtmps,tcp,tls -format_whitelist flv,live_flv -rw_timeout 8000000 -i rtmp://h/a/k`,
    ],
    [
      "an RTMP listener",
      { type: "rtmp", url: "rtmp://0.0.0.0:1935/a/k", listen: true },
      `${LIVE} -protocol_whitelist rtmp,rtmps,tcp,tls -format_whitelist flv,live_flv -listen 1 -i rtmp://0.0.0.0:1935/a/k`,
    ],
    [
      "an SRT caller",
      { type: "srt", url: "srt://h:9000", latencyMs: 300, passphrase: "0123456789" },
      `${LIVE} -protocol_whitelist srt -format_whitelist ${MEDIA} -mode caller -latency 300000 -connect_timeout 5000 -timeout 8000000 -passphrase 0123456789 -i srt://h:9000`,
    ],
    [
      "an SRT listener",
      { type: "srt", url: "srt://0.0.0.0:9000", listen: true },
      `${LIVE} -protocol_whitelist srt -format_whitelist ${MEDIA} -mode listener -latency 200000 -i srt://0.0.0.0:9000`,
    ],
    [
      "an RTSP camera",
      { type: "rtsp", url: "rtsp://h/cam", transport: "udp" },
      `${LIVE} -protocol_whitelist rtsp,rtsps,rtp,srtp,udp,tcp,tls -rtsp_transport udp -timeout 8000000 -i rtsp://h/cam`,
    ],
    [
      "HTTP",
      { type: "http", url: "https://h/a.m3u8" },
      `${LIVE} -protocol_whitelist http,https,tcp,tls,crypto -format_whitelist hls,applehttp,dash,mpjpeg,live_flv,webvtt,${MEDIA} -rw_timeout 8000000 -reconnect 1 -reconnect_streamed 1 -reconnect_on_network_error 1 -reconnect_on_http_error 5xx -reconnect_delay_max 4 -i https://h/a.m3u8`,
    ],
  ])("of %s", (_, source, expected) => {
    expect(inputs({ source, destinations: [RTMP] })).toBe(`${expected} -map 0:v:0 -map 0:a:0`);
  });

  test("of a file are read from the file alone, paced when somebody watches or there is no end", () => {
    const source = { type: "file", path: "/in/a b.mp4" } as const;
    const bare = inputs({ source, destinations: [FILE] });
    expect(bare).toMatch(/^-protocol_whitelist file -format_whitelist \S+ -i file:\/in\/a b\.mp4 -map/);
    expect(bare).not.toMatch(/hls|concat|dash/);
    expect(inputs({ source, destinations: [FILE, RTMP] })).toMatch(/^-re -protocol_whitelist/);
    expect(inputs({ source: { ...source, loop: true }, destinations: [FILE] })).toMatch(
      /^-re -stream_loop -1 -protocol/,
    );
  });

  test("of a recording on the web are paced as a file is, of a live one never", () => {
    const input = config({ source: { type: "http", url: "http://h/a.mp4" }, destinations: [RTMP] });
    expect(inputs(input, { ...BOTH, durationSeconds: 60 })).toMatch(/^-re -protocol/);
    expect(isRealtime({ ...input, destinations: [FILE] }, { ...BOTH, durationSeconds: 60 })).toBe(false);
    expect(isRealtime({ ...input, destinations: [FILE] }, BOTH)).toBe(true);
  });

  test("fill what the source lacks", () => {
    const source = { type: "file", path: "/a.mp4" } as const;
    expect(inputs({ source, destinations: [FILE] }, { hasVideo: true, hasAudio: false })).toMatch(
      / -f lavfi -i anullsrc=r=48000:cl=stereo -map 0:v:0 -map 1:a:0$/,
    );
    const black = program(
      { source, destinations: [FILE], audio: { channels: 1 } },
      { hasVideo: false, hasAudio: true, durationSeconds: 9 },
    );
    expect(black).toContain(" -t 9 -f lavfi -i color=c=black:s=1280x720:r=30 -map 1:v:0 -map 0:a:0 ");
    expect(black).toContain(" -shortest ");
  });

  test("of devices", () => {
    const source = {
      type: "device",
      video: { format: "v4l2", device: "/dev/video0", inputFormat: "mjpeg", width: 1280, height: 720, fps: 30 },
      audio: { format: "alsa", device: "hw:0" },
    } as const;
    expect(inputs({ source }, factsWithoutProbing(config({ source }).source))).toBe(
      "-thread_queue_size 1024 -f v4l2 -framerate 30 -video_size 1280x720 -input_format mjpeg -i /dev/video0 " +
        "-thread_queue_size 1024 -f alsa -i hw:0 -map 0:v:0 -map 1:a:0",
    );
  });

  test("of a publisher that is waited for take sound where there is some", () => {
    const { source } = config({ source: { type: "rtmp", url: "rtmp://0.0.0.0/a/b", listen: true } });
    expect(inputs({ source }, factsWithoutProbing(source))).toMatch(/-map 0:v:0 -map 0:a:0\?$/);
  });
});

describe("the senders", () => {
  const HEAD =
    "-hide_banner -nostdin -y -loglevel level+warning -nostats -progress pipe:3 -stats_period 0.25 -protocol_whitelist pipe -fflags +discardcorrupt -thread_queue_size 512 -probesize 2000000 -analyzeduration 500000 -f mpegts -i pipe:0 -map 0:v:0 -map 0:a:0? -c copy";
  const destination = (input: NonNullable<StreamConfigInput["destinations"]>[number]) => {
    const [first] = config({ source: { type: "test" }, destinations: [input] }).destinations;
    if (first === undefined) throw new Error("There is a destination.");
    return first;
  };

  test.each<[NonNullable<StreamConfigInput["destinations"]>[number], string]>([
    [
      RTMP,
      "-protocol_whitelist rtmp,rtmps,tcp,tls -bsf:a aac_adtstoasc -flvflags no_duration_filesize -f flv -rw_timeout 10000000 rtmp://h/live/key",
    ],
    [
      { type: "srt", url: "srt://h:9", passphrase: "0123456789" },
      "-protocol_whitelist srt -f mpegts -mode caller -latency 200000 -pkt_size 1316 -connect_timeout 5000 -timeout 10000000 -passphrase 0123456789 srt://h:9",
    ],
    [
      { type: "hls", path: "/w/s/" },
      "-protocol_whitelist file -f hls -hls_time 2 -hls_list_size 6 -hls_flags independent_segments+program_date_time+temp_file+delete_segments -hls_segment_filename /w/s/segment_%06d.ts /w/s/index.m3u8",
    ],
    [
      FILE,
      "-protocol_whitelist file -bsf:a aac_adtstoasc -movflags +frag_keyframe+delay_moov+default_base_moof -flush_packets 1 -f mp4 file:/r/a.mp4",
    ],
    [{ type: "file", path: "/r/a.ts" }, "-protocol_whitelist file -flush_packets 1 -f mpegts file:/r/a.ts"],
    [
      { type: "file", path: "/r/a", format: "mkv" },
      "-protocol_whitelist file -bsf:a aac_adtstoasc -flush_packets 1 -f matroska file:/r/a",
    ],
  ])("write %j", (input, expected) => {
    expect(senderArguments(destination(input)).join(" ")).toBe(`${HEAD} ${expected}`);
  });

  test("go on with an HLS playlist only when they ran before", () => {
    const hls = destination({ type: "hls", path: "/w", listSize: 0 });
    expect(senderArguments(hls).join(" ")).not.toContain("append_list");
    expect(senderArguments(hls, { again: true }).join(" ")).toContain("+append_list+discont_start");
  });

  test("need to know a container", () => {
    const unnamed = destination({ type: "file", path: "/r/recording" });
    expect(() => senderArguments(unnamed)).toThrow('Give "format", or end it with one of: mp4');
    expect(fileFormatOf({ type: "file", path: "/r/A.MOV" })).toBe("mov");
    expect(fileFormatOf({ type: "file", path: "/r.mp4/a" })).toBeUndefined();
  });

  test("put the stream key at the end of the path", () => {
    expect(rtmpAddress({ url: "rtmp://h/app/", streamKey: "k" })).toBe("rtmp://h/app/k");
    expect(rtmpAddress({ url: "rtmp://h/app?auth=1", streamKey: "k" })).toBe("rtmp://h/app/k?auth=1");
    expect(rtmpAddress({ url: "rtmp://h/app/k" })).toBe("rtmp://h/app/k");
  });
});

describe("a slate", () => {
  const job = config({ source: { type: "test" }, destinations: [RTMP], durationSeconds: 9 });
  const slate = (input: Slate) => slateArguments(job, input, { videoEncoder: "libx264", muted: true });
  const encodeOf = (args: readonly string[]) => args.slice(args.indexOf("-c:v")).join(" ");

  test("is encoded exactly as the program is, without its end", () => {
    const { durationSeconds: _, ...endless } = job;
    const asProgram = encodeOf(programArguments(endless, { ...BOTH, videoEncoder: "libx264", muted: true }));
    const slates: Slate[] = [
      { kind: "color", color: "#101418" },
      { kind: "image", path: "/s/a.png" },
      { kind: "video", path: "/s/a.mp4" },
      { kind: "text", text: "Soon", color: "#101418", clock: true },
    ];
    for (const kind of slates) {
      const args = slate(kind);
      expect(encodeOf(args).replace(" -shortest", "")).toBe(asProgram);
      expect(args.join(" ")).toContain("volume@main=0");
    }
  });

  test("takes nothing but its file", () => {
    expect(slate({ kind: "image", path: "/s/%d.png" }).join(" ")).toContain(
      "-re -protocol_whitelist file -f image2 -pattern_type none -loop 1 -framerate 30 -i /s/%d.png",
    );
    expect(slate({ kind: "video", path: "/s/a.mp4" }).join(" ")).toMatch(
      /-re -stream_loop -1 -protocol_whitelist file -format_whitelist \S+ -i file:\/s\/a\.mp4/,
    );
  });

  test("shows any text, letter for letter, broken into lines", async () => {
    const small = config({ source: { type: "test" }, video: { width: 320, height: 180, fps: 10 } });
    const texts = fc.array(fc.string({ unit: "grapheme-ascii", maxLength: 60 }), { minLength: 2, maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(texts, fc.boolean(), async (words, clock) => {
        const text = `${words.join(" ")} it's 50%: [a], \\b; {c}\0\n`;
        const args = slateArguments(
          small,
          { kind: "text", text, color: "#123456", clock },
          { videoEncoder: "libx264", muted: false },
        );
        const at = args.indexOf("-vf");
        const { stderr } = await ffmpeg([
          ...["-v", "error", "-f", "lavfi", "-i", "color=c=0x123456:s=320x180:r=10", "-vf", args[at + 1] ?? ""],
          ...["-frames:v", "1", "-f", "null", "-"],
        ]);
        expect(stderr).toBe("");
      }),
      { numRuns: 8 },
    );
  });
});

describe("the monitors", () => {
  test("see the source in small, and cost nothing where nobody asks", () => {
    const input: StreamConfigInput = { source: { type: "test" }, destinations: [RTMP] };
    const options = { ...BOTH, videoEncoder: "libx264", muted: false, monitored: true };
    expect(programArguments(config(input), options)).toEqual(
      programArguments(config(input), { ...options, monitored: false }),
    );
    const watched = programArguments(config({ ...input, sourceLoss: { blackMs: 500, silentMs: 700 } }), options).join(
      " ",
    );
    expect(watched).toContain("[0:v:0]split[main][seen];[main]scale=1280:720");
    expect(watched).toContain(
      "[seen]fps=8,scale=160:90,blackdetect=d=0.5:pic_th=0.98:pix_th=0.10,metadata=mode=print:file=pipe\\\\:4:direct=1,nullsink",
    );
    expect(watched).toContain(
      "silencedetect=n=-60dB:d=0.7,ametadata=mode=print:file=pipe\\\\:4:direct=1,volume@main=1.0",
    );
  });
});
