package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// A film that costs what footage does: shots of some seconds, each with another texture
// as rough in the small as in the large, which the camera pans over, and grain. It is
// exported as editors do it in H.264, with a keyframe at each cut.
const (
	filmRate   = 25
	filmStills = 6
)

// shotLengths are the lengths of the shots, in frames, over and over.
var shotLengths = []int{96, 62, 145, 80, 200, 50, 118, 75}

// shots returns the lengths of the shots of a film, of which one begins at frame from and
// ends before frame to.
func shots(frames, from, to int) (lengths []int) {
	for at, i := 0, 0; at < frames; i++ {
		n := shotLengths[i%len(shotLengths)]
		switch {
		case at == from:
			n = to - from
		case at < from && at+n > from-50: // no shot is shorter than two seconds
			n = from - at
		case at+n > frames-50:
			n = frames - at
		}
		lengths = append(lengths, n)
		at += n
	}
	return lengths
}

// stills makes the textures: noise of several sizes, the larger the stronger.
func stills(ctx context.Context, dir string) error {
	for n := range filmStills {
		graph, inputs := "", ""
		for i, size := range []int{2, 4, 8, 16, 32, 64} {
			seed := 100*n + 10*i
			graph += fmt.Sprintf("nullsrc=s=%dx%d:d=1:r=1,geq=lum='255*random(%d)':cb='255*random(%d)':cr='255*random(%d)',scale=2560:1440:flags=bicubic[l%d];",
				2560/size, 1440/size, seed, seed+1, seed+2, i)
			inputs += fmt.Sprintf("[l%d]", i)
		}
		graph += inputs + "mix=inputs=6:weights='1 1.5 2 3 4 5',eq=contrast=2:saturation=0.6,format=yuv420p"
		if _, _, err := ffmpeg(ctx, "-filter_complex", graph, "-frames:v", "1", filepath.Join(dir, fmt.Sprintf("still%d.png", n))); err != nil {
			return err
		}
	}
	return nil
}

// shot makes a shot of a film, with one more filter.
func shot(ctx context.Context, dir string, number, frames int, filter string) (string, error) {
	path := filepath.Join(dir, fmt.Sprintf("shot%d.mp4", number))
	pan := fmt.Sprintf("crop=1920:1080:x='%d+%d*t':y='%d+%d*sin(t)'", 100+number*37%200, 10+number*13%40, 100+number*53%100, 20+number*7%60)
	graph := fmt.Sprintf("loop=-1:1,setpts=N/%d/TB,trim=end_frame=%d,%s,format=yuv420p,%s,noise=alls=3:allf=t:all_seed=%d", filmRate, frames, pan, filter, number)
	_, _, err := ffmpeg(ctx, "-i", filepath.Join(dir, fmt.Sprintf("still%d.png", number%filmStills)), "-vf", graph, "-r", fmt.Sprint(filmRate),
		"-c:v", "libx264", "-preset", "ultrafast", "-qp", "18", path)
	return path, err
}

// cutFilm is a film in shots.
type cutFilm struct {
	dir   string
	files []string
	// redrawn is the number of the shot that is redrawn, and length its length in frames.
	redrawn, length int
}

// makeFilm makes the shots of a film, of which one begins at frame from and ends before to.
func makeFilm(ctx context.Context, dir string, frames, from, to int) (*cutFilm, error) {
	if err := stills(ctx, dir); err != nil {
		return nil, err
	}
	lengths := shots(frames, from, to)
	f := &cutFilm{dir: dir, files: make([]string, len(lengths)), length: to - from}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	at := 0
	for i, n := range lengths {
		if at == from {
			f.redrawn = i
		}
		at += n
		g.Go(func() (err error) { f.files[i], err = shot(ctx, dir, i, n, "null"); return err })
	}
	return f, g.Wait()
}

// redraw joins the shots, one of them made anew with another filter; with none as it is.
func (f *cutFilm) redraw(ctx context.Context, name, filter string) (path string, err error) {
	files := slices.Clone(f.files)
	if filter != "" {
		if files[f.redrawn], err = shot(ctx, f.dir, f.redrawn, f.length, filter); err != nil {
			return "", err
		}
	}
	return concat(ctx, f.dir, name, files)
}

// concat joins files of the same settings that each begin with a keyframe.
func concat(ctx context.Context, dir, name string, files []string) (string, error) {
	list := filepath.Join(dir, name+".txt")
	var text []byte
	for _, f := range files {
		text = fmt.Appendf(text, "file '%s'\n", f)
	}
	if err := os.WriteFile(list, text, 0o600); err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	_, _, err := ffmpeg(ctx, "-f", "concat", "-safe", "0", "-i", list, "-c", "copy", path)
	return path, err
}
