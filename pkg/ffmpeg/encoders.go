package ffmpeg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/recipe"
)

// Encoder is one encoder of this build.
type Encoder struct {
	Name string
	// Build is the fingerprint, 16 hex digits.
	Build string
	// Presets and PixFmts are what it takes; empty for audio.
	Presets, PixFmts []string
}

// Names are the encoders that a deliverable can be made with.
var Names = []string{"libx264", "libx265", "libsvtav1", "librav1e", "aac", "libopus"}

// Listed tells which of [Names] this build says it has, in that order. That an encoder
// is listed does not say that it works.
func (t *Tool) Listed(ctx context.Context) ([]string, error) {
	list, err := t.text(ctx, "-encoders")
	if err != nil {
		return nil, fmt.Errorf("ask ffmpeg for its encoders: %w", err)
	}
	return slices.DeleteFunc(slices.Clone(Names), func(name string) bool {
		return !regexp.MustCompile(`(?m)^ [VA]\S+ +` + name + ` `).MatchString(list)
	}), nil
}

// Encoders tells which of the named encoders this build has and works with, each with
// its fingerprint. One that is missing, or can't encode, is left out.
func (t *Tool) Encoders(ctx context.Context, names []string) (map[string]Encoder, error) {
	var mu sync.Mutex
	out := map[string]Encoder{}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, name := range names {
		g.Go(func() error {
			e, err := once(&t.tried, name, func() (Encoder, error) { return t.try(gctx, name) })
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if e.Build != "" {
				out[name] = e
			}
			return nil
		})
	}
	return out, g.Wait()
}

// try asks for one encoder and encodes with it. One that fails has no Build: no worker
// may promise it.
func (t *Tool) try(ctx context.Context, name string) (Encoder, error) {
	e := Encoder{Name: name}
	var help string
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		if help, err = t.text(gctx, "-h", "encoder="+name); err != nil {
			return fmt.Errorf("ask ffmpeg for %s: %w", name, err)
		}
		return nil
	})
	build, failure := t.fingerprint(ctx, name)
	if err := g.Wait(); err != nil {
		return e, err
	}
	if ctx.Err() != nil {
		return e, context.Cause(ctx)
	}
	e.Presets, e.PixFmts = presets(name, help), pixFmts(help)
	if failure == nil {
		e.Build = build
	}
	return e, nil
}

var x26xPresets = strings.Fields("ultrafast superfast veryfast faster fast medium slow slower veryslow placebo")

var presetRange = regexp.MustCompile(`(?m)^ +-(?:preset|speed) .*\(from (-?\d+) to (\d+)\)`)

// presets lists an encoder's presets: x264's and x265's by name, others by the range
// of numbers that ffmpeg's help gives.
func presets(name, help string) []string {
	switch name {
	case "libx264", "libx265":
		return x26xPresets
	case "aac", "libopus":
		return nil
	}
	m := presetRange.FindStringSubmatch(help)
	if m == nil {
		return nil
	}
	last, _ := strconv.Atoi(m[2])
	var out []string
	for i := range last + 1 { // negative ones mean "the default" or are for debugging
		out = append(out, strconv.Itoa(i))
	}
	return out
}

var pixFmtLine = regexp.MustCompile(`Supported pixel formats: (.*)`)

func pixFmts(help string) []string {
	m := pixFmtLine.FindStringSubmatch(help)
	if m == nil {
		return nil
	}
	return strings.Fields(m[1])
}

// fingerprint encodes a known clip and digests what comes out together with ffmpeg's
// own account of its libraries.
func (t *Tool) fingerprint(ctx context.Context, name string) (string, error) {
	in, args := canaryVideo(name)
	if name == "aac" || name == "libopus" {
		in, args = canaryAudio(name)
	}
	h := sha256.New()
	h.Write([]byte(t.libraries))
	cmd := t.Command(ctx, append(args, "-f", "mp4", "pipe:1")...)
	cmd.Stdin(strings.NewReader(in))
	cmd.Stdout(h)
	if err := cmd.Run(ctx); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// canaryVideo returns six frames of noise over moving stripes, enough for every
// encoder to use motion, and the arguments to encode them.
func canaryVideo(codec string) (raw string, args []string) {
	const w, h, frames = 128, 96, 6
	var b strings.Builder
	seed := uint32(1)
	for f := range frames {
		for i := range w * h * 3 / 2 {
			seed = seed*1664525 + 1013904223
			b.WriteByte(byte((i+5*f)%97) + byte(seed>>28))
		}
	}
	qp := 30
	r := recipe.Recipe{
		Settings: recipe.Settings{Codec: codec, QP: &qp, Preset: map[string]string{
			"libx264": "fast", "libx265": "fast", "libsvtav1": "8", "librav1e": "8",
		}[codec]},
		Rate: media.Rational{Num: 25, Den: 1},
		Picture: media.Picture{
			Width: w, Height: h, PixFmt: "yuv420p", SAR: media.Rational{Num: 1, Den: 1},
		},
		Threads: recipe.ThreadsFor(codec, media.Picture{}),
	}
	args = append(r.Input(), "-i", "pipe:0")
	return b.String(), slices.Concat(args, r.Args(1), ChunkFlags)
}

// canaryAudio returns half a second of a swept tone, and the arguments to encode it.
func canaryAudio(codec string) (raw string, args []string) {
	var b strings.Builder
	for i := range 24000 {
		v := uint16((i * i / 64) % 20000)
		b.WriteByte(byte(v))
		b.WriteByte(byte(v >> 8))
	}
	return b.String(), append([]string{"-f", "s16le", "-ar", "48000", "-ac", "1", "-i", "pipe:0", "-c:a", codec},
		ChunkFlags...)
}

// ChunkFlags are the muxer options with which chunks are written: fragmented, with the
// sample description complete, no edit list, and nothing that tells when or by what.
var ChunkFlags = []string{
	"-map_metadata", "-1", "-fflags", "+bitexact", "-write_tmcd", "0", "-use_editlist", "0",
	"-movflags", "+delay_moov+default_base_moof+frag_keyframe+negative_cts_offsets+skip_trailer",
}

// Sorted returns the encoders' names in order.
func Sorted(m map[string]Encoder) []string { return slices.Sorted(maps.Keys(m)) }
