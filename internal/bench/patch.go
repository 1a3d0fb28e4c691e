package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Of the film that is patched, one shot of a hundredth is redrawn.
const (
	redrawFrom = 0.4  // part of the film at which the redrawn shot begins
	redrawPart = 0.01 // its length
)

// patching is what the patch is measured with.
type patching struct {
	*bench
	dir            string
	seconds        int
	before, after  string // sources
	third          string // with the same shot redrawn in another way
	from, to       int    // the redrawn frames
	base           string // deliverable
	full, fullCPU  time.Duration
	cost           [2]time.Duration // of the patch by packets: wall and CPU
	settings, mine []string
	baseFrames     []frame
}

// patch measures what a changed shot costs, beside what people do today: encode everything
// again, or cut the old deliverable with -c copy and put an encode of the shot in between.
func (b *bench) patch(ctx context.Context) error {
	p := &patching{
		bench: b, dir: filepath.Join(b.dir, "patch"), seconds: b.minutes * 60,
		settings: []string{"-c:v", "libx264", "-preset", "medium", "-crf", "23"},
		mine:     []string{"--codec", "libx264", "--preset", "medium", "--crf", "23", "--audio", "none"},
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return err
	}
	frames := p.seconds * filmRate
	p.from = int(float64(frames) * redrawFrom)
	p.to = p.from + int(float64(frames)*redrawPart)
	for _, step := range []func(context.Context) error{p.films, p.encode, p.redrawn, p.byPixels, p.cutAndConcat, p.inserted, p.unchanged} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (p *patching) films(ctx context.Context) error {
	film, err := makeFilm(ctx, p.dir, p.seconds*filmRate, p.from, p.to)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		path         *string
		name, filter string
	}{{&p.before, "before.mp4", ""}, {&p.after, "after.mp4", "hue=h=60"}, {&p.third, "third.mp4", "hue=h=120"}} {
		if *f.path, err = film.redraw(ctx, f.name, f.filter); err != nil {
			return err
		}
	}
	return nil
}

// encode makes the deliverable, and has ffmpeg encode the changed film in full.
func (p *patching) encode(ctx context.Context) (err error) {
	p.base = filepath.Join(p.dir, "base.mp4")
	args := append([]string{"encode", p.before, "-o", p.base, "--data", p.data(), "--json"}, p.mine...)
	if _, _, err := p.run(ctx, args...); err != nil {
		return err
	}
	p.full, p.fullCPU, err = ffmpeg(ctx, append(append([]string{"-i", p.after, "-map", "0:v:0"}, p.settings...), filepath.Join(p.dir, "full.mp4"))...)
	return err
}

func (p *patching) data() string { return filepath.Join(p.dir, "data") }

// run runs reweave and reads what it printed.
func (p *patching) run(ctx context.Context, args ...string) (r result, took [2]time.Duration, err error) {
	var stdout bytes.Buffer
	took[0], took[1], err = command(ctx, &stdout, filepath.Join(p.bin, "reweave"), args...)
	if err != nil {
		return r, took, err
	}
	return r, took, json.Unmarshal(stdout.Bytes(), &r)
}

// redrawn patches the redrawn shot, its proof and its page included.
func (p *patching) redrawn(ctx context.Context) error {
	out := filepath.Join(p.dir, "patched.mp4")
	r, took, err := p.run(ctx, "patch", p.base, "--source", p.after, "-o", out, "--data", p.data(), "--json", "--same", "packets")
	if err != nil {
		return err
	}
	p.cost = took
	what := fmt.Sprintf("a shot of 1 %% of %d min redrawn (%d of %d chunks)", p.minutes, r.Chunks.Encoded, r.Chunks.Total)
	p.add(what+", wall", secs(took[0]), secs(p.full), percent(took[0], p.full), "≤ 3 %")
	p.add("the same, CPU", secs(took[1]), secs(p.fullCPU), percent(took[1], p.fullCPU), "≤ 3 %")
	wrong, err := p.wrong(ctx, out)
	if err != nil {
		return err
	}
	p.add("the same, frames that changed outside of the report", strconv.Itoa(wrong), "", "", "0")
	return nil
}

// byPixels patches the shot once more, with every frame decoded and compared.
func (p *patching) byPixels(ctx context.Context) error {
	var both [2]time.Duration
	for _, film := range []string{p.before, p.third} {
		wall, cpu, err := ffmpeg(ctx, "-i", film, "-map", "0:v:0", "-f", "null", "-")
		if err != nil {
			return err
		}
		both[0], both[1] = both[0]+wall, both[1]+cpu
	}
	out := filepath.Join(p.dir, "pixels.mp4")
	r, took, err := p.run(ctx, "patch", p.base, "--source", p.third, "-o", out, "--data", p.data(), "--json", "--same", "pixels")
	if err != nil {
		return err
	}
	what := fmt.Sprintf("the same by pixels (%d chunks), more than by packets, beside a decode of both films: ", r.Chunks.Encoded)
	for i, clock := range []string{"wall", "CPU"} {
		more := took[i] - p.cost[i]
		p.add(what+clock, secs(more), secs(both[i]), fmt.Sprintf("%.2f ×", more.Seconds()/both[i].Seconds()), "≤ 1 ×")
	}
	return nil
}

// cutAndConcat does by hand what many do: it cuts the old deliverable without encoding,
// encodes the shot alone, and has ffmpeg's concat demuxer join the three.
func (p *patching) cutAndConcat(ctx context.Context) error {
	at := func(frame int) string { return strconv.FormatFloat(float64(frame)/filmRate, 'f', 3, 64) }
	head, shot, tail := filepath.Join(p.dir, "head.mp4"), filepath.Join(p.dir, "shot.mp4"), filepath.Join(p.dir, "tail.mp4")
	list, out := filepath.Join(p.dir, "list.txt"), filepath.Join(p.dir, "concat.mp4")
	if err := os.WriteFile(list, fmt.Appendf(nil, "file '%s'\nfile '%s'\nfile '%s'\n", head, shot, tail), 0o600); err != nil {
		return err
	}
	var took, cpu time.Duration
	for _, args := range [][]string{
		{"-i", p.base, "-to", at(p.from), "-c", "copy", head},
		append(append([]string{"-ss", at(p.from), "-to", at(p.to), "-i", p.after}, p.settings...), shot),
		{"-ss", at(p.to), "-i", p.base, "-c", "copy", tail},
		{"-f", "concat", "-safe", "0", "-i", list, "-c", "copy", out},
	} {
		w, c, err := ffmpeg(ctx, args...)
		if err != nil {
			return err
		}
		took, cpu = took+w, cpu+c
	}
	p.add("cut and concat by hand, wall", "", secs(took), percent(took, p.full), "")
	p.add("the same, CPU", "", secs(cpu), percent(cpu, p.fullCPU), "")
	wrong, err := p.wrong(ctx, out)
	if err != nil {
		return err
	}
	p.add("the same, frames lost, doubled, moved or changed outside of the shot", "", strconv.Itoa(wrong), "", "0")
	return nil
}

// frame is a decoded frame: its time in milliseconds, and its hash.
type frame struct {
	ms   int
	hash string
}

// wrong counts the frames that a patched deliverable should have of the base, outside of
// what a report announces or else of the redrawn shot, and has not: where they were.
func (p *patching) wrong(ctx context.Context, out string) (int, error) {
	if p.baseFrames == nil {
		all, err := frames(ctx, p.base)
		if err != nil {
			return 0, err
		}
		p.baseFrames = all
	}
	want := p.baseFrames
	got, err := frames(ctx, out)
	if err != nil {
		return 0, err
	}
	changed, err := p.announced(out)
	if err != nil {
		return 0, err
	}
	n := max(0, len(got)-len(want))
	for i, w := range want {
		inside := false
		for _, c := range changed {
			inside = inside || i >= c[0] && i < c[1]
		}
		if !inside && (i >= len(got) || got[i] != w) {
			n++
		}
	}
	return n, nil
}

// announced returns the frames that a report says are new; without one, the shot's.
func (p *patching) announced(out string) (changed [][2]int, err error) {
	b, err := os.ReadFile(out + ".patch.json")
	if os.IsNotExist(err) {
		return [][2]int{{p.from, p.to}}, nil
	} else if err != nil {
		return nil, err
	}
	var report struct {
		Changes []struct {
			New struct{ From, To int }
		}
	}
	if err := json.Unmarshal(b, &report); err != nil {
		return nil, err
	}
	for _, c := range report.Changes {
		changed = append(changed, [2]int{c.New.From, c.New.To})
	}
	return changed, nil
}

func frames(ctx context.Context, path string) (all []frame, err error) {
	out, err := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-nostdin", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough",
		"-enc_time_base", "1:1000", "-f", "framehash", "-hash", "murmur3", "-").Output()
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", path, err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(line, ",")
		if len(f) < 6 || line[0] == '#' {
			continue
		}
		ms, err := strconv.Atoi(strings.TrimSpace(f[2]))
		if err != nil {
			return nil, fmt.Errorf("decode %s: %q", path, line)
		}
		all = append(all, frame{ms, strings.TrimSpace(f[5])})
	}
	return all, nil
}

// inserted patches a minute of an intra-coded film into which seven frames were put.
func (p *patching) inserted(ctx context.Context) error {
	const film = "testsrc2=s=640x360:r=25:d=60,noise=alls=2:allf=t,format=yuv420p"
	before, after := filepath.Join(p.dir, "before.mkv"), filepath.Join(p.dir, "after.mkv")
	for path, graph := range map[string]string{
		before: film,
		after: film + ",split[a][b];[a]trim=end_frame=200[head];[b]trim=start_frame=200,setpts=PTS-STARTPTS[tail];" +
			"mandelbrot=s=640x360:r=25,format=yuv420p,trim=end_frame=7[new];[head][new][tail]concat=n=3",
	} {
		if _, _, err := ffmpeg(ctx, "-f", "lavfi", "-i", graph, "-c:v", "mjpeg", "-q:v", "3", path); err != nil {
			return err
		}
	}
	base, out := filepath.Join(p.dir, "intra.mp4"), filepath.Join(p.dir, "intra2.mp4")
	if _, _, err := p.run(ctx, append([]string{"encode", before, "-o", base, "--data", p.data(), "--json"}, p.mine...)...); err != nil {
		return err
	}
	r, _, err := p.run(ctx, "patch", base, "--source", after, "-o", out, "--data", p.data(), "--json")
	if err != nil {
		return err
	}
	p.add(fmt.Sprintf("7 frames inserted early, chunks encoded of %d", r.Chunks.Total), strconv.Itoa(r.Chunks.Encoded), "", "", "≤ 2")
	return nil
}

// unchanged encodes the film again of which everything is there.
func (p *patching) unchanged(ctx context.Context) error {
	args := append([]string{"encode", p.before, "-o", filepath.Join(p.dir, "again.mp4"), "--data", p.data(), "--json"}, p.mine...)
	_, took, err := p.run(ctx, args...)
	if err != nil {
		return err
	}
	p.add(fmt.Sprintf("%d min unchanged, wall", p.minutes), secs(took[0]), "", fmt.Sprintf("%.0f × real time", float64(p.seconds)/took[0].Seconds()), "≥ 100 ×")
	return nil
}

func percent(a, b time.Duration) string {
	return fmt.Sprintf("%.1f %%", 100*a.Seconds()/b.Seconds())
}
