// Package ffmpeg runs ffmpeg and ffprobe as child processes and knows what this
// build of them can do. Nothing is assumed of their version: options that came or
// went between 4.4 and 8 are asked for once and then used as this build has them.
//
// A build of an encoder has a fingerprint: the digest of what it makes of a small
// known clip, and of what ffmpeg tells of its libraries. Encoders with the same
// fingerprint give the same bytes, and only such may work on one deliverable.
package ffmpeg

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/sandbox"
)

// Tool is an installed ffmpeg with its ffprobe.
type Tool struct {
	ffmpeg, ffprobe string
	// box and probeBox are what ffmpeg and ffprobe are kept in.
	box, probeBox sandbox.Box
	// Version is the first line of `ffmpeg -version`, without the copyright.
	Version string
	// libraries are the lines of `ffmpeg -version` that name the libraries' versions.
	libraries string
	// features waits for what this build of ffmpeg has.
	features func() features
	// tried remembers encoders by name: each is tried once in a process.
	tried sync.Map
}

// features are options that came or went between versions.
type features struct{ fpsMode, movieTimescale bool }

// asked remembers the tools by the paths of their programs: a process asks each once.
var asked sync.Map

// Find looks for ffmpeg and ffprobe in PATH and asks what they are, once in a process.
func Find(ctx context.Context) (*Tool, error) {
	t := &Tool{}
	for i, path := range []*string{&t.ffmpeg, &t.ffprobe} {
		name := []string{"ffmpeg", "ffprobe"}[i]
		var err error
		if *path, err = exec.LookPath(name); err != nil {
			return nil, &fault.Error{
				Class: fault.User, Type: "no-ffmpeg", Where: "PATH", Title: name + " was not found",
				Hint: "install it, for example with: apt-get install ffmpeg",
			}
		}
	}
	return once(&asked, t.ffmpeg+"\n"+t.ffprobe, func() (*Tool, error) { return t, t.ask(ctx) })
}

// once returns what make returned for key the first time that it succeeded. Calls at the
// same time wait for each other.
func once[T any](known *sync.Map, key string, make func() (T, error)) (T, error) {
	type entry struct {
		sync.Mutex
		done  bool
		value T
	}
	v, _ := known.LoadOrStore(key, &entry{})
	e := v.(*entry)
	e.Lock()
	defer e.Unlock()
	if e.done {
		return e.value, nil
	}
	value, err := make()
	if err == nil {
		e.done, e.value = true, value
	}
	return value, err
}

// ask finds out the version, what the programs can be kept in, and which way round
// options are that changed over time. A start of ffmpeg takes as long as a short job's
// whole splitting, so that there are as few as can be, side by side.
func (t *Tool) ask(ctx context.Context) error {
	var version string
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { t.box, version = sandbox.Try(gctx, t.ffmpeg, "-version"); return nil })
	g.Go(func() error { t.probeBox, _ = sandbox.Try(gctx, t.ffprobe, "-version"); return nil })
	if err := g.Wait(); err != nil {
		return err
	}
	if version == "" { // it runs in no box; what is wrong with it is told here
		var err error
		if version, err = t.text(ctx, "-version"); err != nil {
			return fmt.Errorf("ask ffmpeg for -version: %w", err)
		}
	}
	t.Version, t.libraries = parseVersion(version)
	// Nobody needs these at once: others begin to try encoders meanwhile.
	t.features = sync.OnceValue(func() features {
		help, err := t.text(context.WithoutCancel(ctx), "-h", "full")
		if err != nil { // it has just told its version: then it is too old for the question
			return features{}
		}
		return features{strings.Contains(help, "\n-fps_mode"), strings.Contains(help, "\n  -movie_timescale")}
	})
	go t.features()
	return nil
}

var copyright = regexp.MustCompile(` Copyright.*`)

// parseVersion splits the text of `ffmpeg -version` into the version and the lines
// that name the build's configuration and libraries.
func parseVersion(text string) (version, libraries string) {
	first, rest, _ := strings.Cut(text, "\n")
	return copyright.ReplaceAllString(strings.TrimSpace(first), ""), rest
}

// Passthrough returns the option that hands frames on as they are, none doubled and
// none dropped: -fps_mode since 5.1, -vsync before.
func (t *Tool) Passthrough() []string {
	if t.features().fpsMode {
		return []string{"-fps_mode", "passthrough"}
	}
	return []string{"-vsync", "passthrough"}
}

// MovieTimescale returns the option that makes edit lists of mp4 exact to 1/240000
// second, where this build has it.
func (t *Tool) MovieTimescale() []string {
	if t.features().movieTimescale {
		return []string{"-movie_timescale", "240000"}
	}
	return nil
}

// text runs ffmpeg and returns what it prints on stdout.
func (t *Tool) text(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, t.ffmpeg, append([]string{"-hide_banner"}, args...)...)
	cmd.Env, cmd.SysProcAttr = childEnv(), childAttr()
	var out strings.Builder
	cmd.Stdout = &out
	err := run(cmd, t.box, sandbox.Rules{})
	return out.String(), err
}

// Sandbox tells what the children are kept in.
func (t *Tool) Sandbox() sandbox.Box { return t.box }
