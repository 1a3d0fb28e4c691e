package patch

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/plan"
)

// Version is the version of the report's format.
const Version = 1

// Report tells what a patch changed, and proves that it changed nothing else.
type Report struct {
	Version int  `json:"version"`
	Base    File `json:"base"`
	Output  File `json:"output"`
	// Same is how frames were taken for the same: packets, or timeline.
	Same string         `json:"same,omitempty"`
	Rate media.Rational `json:"rate"`
	// Changes are the stretches that are new, Kept those that both have bit for bit; the
	// two together are the whole film.
	Changes []Announced `json:"changes"`
	Kept    []Kept      `json:"kept"`
	Seams   []Seam      `json:"seams"`
	// Tracks are those of sound and subtitles, of which a patch may make some anew.
	Tracks []Track `json:"tracks,omitempty"`
	// Proved says that nothing is wrong: what is kept is the same in both files, and every
	// seam decodes.
	Proved bool `json:"proved"`
	// Audio is whose sound the patch was asked for: keep, new or patch; "" where nobody knows.
	Audio string `json:"audio,omitempty"`
	// Sound tells whose sound the film has, and Cost what the patch took, where the patch
	// itself wrote the report.
	Sound string `json:"sound,omitempty"`
	Cost  *Cost  `json:"cost,omitempty"`
}

// Cost is what a patch took.
type Cost struct {
	// Total, Encoded and Reused count chunks and encoded audio tracks.
	Total   int `json:"total"`
	Encoded int `json:"encoded"`
	Reused  int `json:"reused"`
	// EncodeSeconds is CPU time of the encoders, WallSeconds the time of the whole run.
	EncodeSeconds float64 `json:"encode_seconds"`
	WallSeconds   float64 `json:"wall_seconds"`
}

// File is one of the two files.
type File struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	Frames int    `json:"frames"`
}

// Announced is a change with where it is in the patched film, in seconds from its start,
// and why it is new.
type Announced struct {
	Change
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	// OldStart and OldEnd are where the film before had it, likewise.
	OldStart float64 `json:"old_start"`
	OldEnd   float64 `json:"old_end"`
	Why      string  `json:"why"`
	// look is where its pictures are taken, as a part of its length; pair are the pictures,
	// where they were taken already.
	look float64
	pair *Pair
	// Chunks are the chunks of the patched film that lie in the change, where its manifest
	// is known.
	Chunks []Chunk `json:"chunks,omitempty"`
}

// Chunk is a chunk of the patched film.
type Chunk struct {
	Number int    `json:"number"`
	Frames Frames `json:"frames"`
	Key    string `json:"key"`
}

// ProveFiles is [Prove] for two files.
func ProveFiles(ctx context.Context, tool *ffmpeg.Tool, base, out string, look bool) (*Report, error) {
	var old, film *Film
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { old, err = Read(gctx, tool, base, base); return err })
	g.Go(func() (err error) { film, err = Read(gctx, tool, out, out); return err })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return Prove(ctx, tool, old, film, look, nil)
}

// Prove compares two films and decodes every seam. Nothing but the files is read. With look,
// it also decodes the changes, short ones whole, for [Pictures] to show them where they
// differ most. ahead, which may be nil, has decoded some of old.
func Prove(ctx context.Context, tool *ffmpeg.Tool, old, film *Film, look bool, ahead *Ahead) (*Report, error) {
	c, err := Compare(old, film)
	if err != nil {
		return nil, err
	}
	r := &Report{
		Version: Version, Rate: film.Source.Video.Rate, Base: old.describe(), Output: film.describe(),
		Kept: c.Kept, Changes: []Announced{}, Seams: []Seam{}, Proved: true,
	}
	for _, ch := range c.Changes {
		a := old.announce(ch)
		origin := film.seconds(0)
		a.Start, a.End = micros(film.seconds(ch.New.From)-origin), micros(film.seconds(ch.New.To)-origin)
		r.Changes = append(r.Changes, a)
	}
	if r.Tracks, err = tracksOf(ctx, tool, old, film); err != nil {
		return nil, err
	}
	return r, r.decode(ctx, &reel{Film: old, tool: tool, ahead: ahead}, &reel{Film: film, tool: tool}, c, look)
}

// announce tells of a change of f, for where f has it; the patched film is taken to have it
// there, too.
func (f *Film) announce(ch Change) Announced {
	origin := f.seconds(0)
	a := Announced{Change: ch, Why: why(ch), OldStart: micros(f.seconds(ch.Old.From) - origin), OldEnd: micros(f.seconds(ch.Old.To) - origin), look: 0.5}
	a.Start, a.End = a.OldStart, a.OldEnd
	return a
}

// decode checks the seams, and looks at the changes.
func (r *Report) decode(ctx context.Context, base, out *reel, c Comparison, look bool) error {
	var looks []*Announced
	if look {
		looks = r.looks()
	}
	width := lookWidth(looks)
	base.want.width, out.want.width = width, width
	for _, ch := range looks {
		base.want.add(ch.Old)
		out.want.add(ch.New)
	}
	seams, err := checkSeams(ctx, base, out, c)
	if err != nil {
		return err
	}
	for _, s := range seams {
		r.Seams = append(r.Seams, s)
		r.Proved = r.Proved && s.Problem == ""
	}
	for _, ch := range looks {
		before, err := base.take(ctx, ch.Old)
		if err != nil {
			return err
		}
		after, err := out.take(ctx, ch.New)
		if err != nil {
			return err
		}
		if before.problem == "" && after.problem == "" {
			ch.lookAt(before, after)
		}
	}
	return nil
}

// micros rounds seconds to microseconds, which is finer than any frame and prints as such.
func micros(seconds float64) float64 { return math.Round(seconds*1e6) / 1e6 }

func why(c Change) string {
	switch {
	case c.Old.Len() == 0:
		return "inserted"
	case c.New.Len() == 0:
		return "removed"
	}
	return "replaced"
}

func (f *Film) describe() File {
	return File{Name: f.Name, SHA256: f.SHA256, Bytes: f.Bytes, Frames: f.Frames()}
}

// Name adds to the changes the chunks of the patched film's manifest that lie in them.
func (r *Report) Name(m *plan.Manifest) {
	for i := range r.Changes {
		ch := &r.Changes[i]
		for n, c := range m.Chunks {
			if c.Start < ch.New.To && c.Start+c.Frames > ch.New.From {
				ch.Chunks = append(ch.Chunks, Chunk{Number: n, Frames: Frames{c.Start, c.Start + c.Frames}, Key: c.Key})
			}
		}
	}
}

// Check returns an error that names the first thing that is wrong.
func (r *Report) Check() error {
	for _, s := range r.Seams {
		if s.Problem != "" {
			return notProved(fmt.Sprintf("%s, frame %d", r.Output.Name, s.At), s.Problem)
		}
	}
	return r.kept(r)
}

func notProved(where, title string) error {
	return &fault.Error{Class: fault.Permanent, Type: "patch-not-proved", Where: where, Title: title}
}

// kept returns an error that names a track of found that is not what it was before, though
// r says so, or says that all sound was kept.
func (r *Report) kept(found *Report) error {
	for _, t := range found.Tracks {
		if !t.Same && t.Kind == KindSound && r.Audio == "keep" {
			return notProved(fmt.Sprintf("%s, %s track %d", found.Output.Name, t.Kind, t.Number), "it was to be kept, and is not what it was: "+t.State())
		}
		for _, a := range r.Tracks {
			if kind := cmp.Or(a.Kind, KindSound); kind == t.Kind && a.Number == t.Number && a.Same && !t.Same {
				return notProved(fmt.Sprintf("%s, %s track %d", found.Output.Name, t.Kind, t.Number), "it differs, and the report doesn't say so: "+t.State())
			}
		}
	}
	return nil
}

// Covers returns an error that names what found has changed and r, a report made when the
// patch was, did not announce.
func (r *Report) Covers(found *Report) error {
	if r.Base.SHA256 != found.Base.SHA256 {
		return fault.Userf("other-film", found.Base.Name, "the report of "+found.Output.Name+" is about a patch of another file, "+r.Base.Name,
			"name that one, or leave the report out: --report none")
	}
	for _, ch := range found.Changes {
		covered := false
		for _, a := range r.Changes {
			covered = covered || a.New.From <= ch.New.From && ch.New.To <= a.New.To && a.Old.From <= ch.Old.From && ch.Old.To <= a.Old.To
		}
		if !covered {
			return notProved(fmt.Sprintf("%s, frames %d to %d", found.Output.Name, ch.New.From, ch.New.To-1), "they differ, and the report doesn't say so")
		}
	}
	if err := r.kept(found); err != nil {
		return err
	}
	if r.Output.SHA256 != found.Output.SHA256 {
		return notProved(found.Output.Name, "it is not the file that its report tells of: the digest is another")
	}
	return nil
}

// DecodeReport reads a report.
func DecodeReport(b []byte) (*Report, error) {
	var r Report
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	if r.Version != Version {
		return nil, fmt.Errorf("read report: version %d, want %d", r.Version, Version)
	}
	return &r, nil
}
