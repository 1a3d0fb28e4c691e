package foreign

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/patch"
)

// Fix replaces frames of the film.
type Fix struct {
	// Frames are those that are replaced.
	Frames patch.Frames
	// Path and Name are the file with the new frames.
	Path, Name string
	// Aligned says that the file holds the whole film, not the range alone.
	Aligned bool
}

// Options say how what doesn't fit by itself may be joined.
type Options struct {
	// Parameters is what may be done when the encoder's parameter sets can't be made
	// those of the film: "same" (nothing), "second" (H.264: they get an id of their own
	// in the header), or "in-band" (HEVC: both are repeated in the packets).
	Parameters string
	// Sound is whose sound the film has: its own ("keep", or nothing); that of the file
	// NewSound ("new"), whose first frame is shown with the film's; or its own with that
	// of the fixes in their ranges ("patch").
	Sound, NewSound string
	// CRF and Preset are for encoders whose settings the film doesn't tell; "" for our own.
	CRF, Preset string
	// Progress is told how many of the new frames went into the encoder; it may be nil.
	Progress func(done, total int)
}

// Splice tells what was done.
type Splice struct {
	// Way is how the new packets were made to fit: "clone" (the settings are the film's,
	// and its parameters came of them byte for byte), "same" (the parameters are equal),
	// "second" and "in-band" (see [Options]), or "frames" (each packet has its own).
	Way string `json:"way"`
	// Encoder are the encoder's options.
	Encoder []string `json:"encoder"`
	Regions []Grown  `json:"regions"`
	// Warnings are what a person must know.
	Warnings []string `json:"warnings,omitempty"`
	// Groups are the film's groups of pictures, NewGroups those of them that have new
	// pictures.
	Groups    int `json:"groups"`
	NewGroups int `json:"new_groups"`
	// Decoders are those that agree on every frame around the regions (see [Film.Compare]).
	Decoders []string `json:"decoders,omitempty"`
	// CPUSeconds is what the encoder took.
	CPUSeconds float64 `json:"-"`
}

// Grown is a region as it is told: all frames count in order of display.
type Grown struct {
	// Frames are all that are new, Asked those that the fixes gave. The others were
	// decoded from the film and encoded again.
	Frames patch.Frames   `json:"frames"`
	Asked  []patch.Frames `json:"asked"`
	Again  int            `json:"again"`
}

// Film is a deliverable that can be patched.
type Film struct {
	b    *base
	tool *ffmpeg.Tool
}

// Open reads a deliverable. What can't be patched is refused.
func Open(ctx context.Context, tool *ffmpeg.Tool, path, name string) (*Film, error) {
	b, err := openBase(ctx, tool, path, name)
	if err != nil {
		return nil, err
	}
	return &Film{b, tool}, nil
}

// Close frees what it holds.
func (f *Film) Close() { f.b.close() }

// Packets is the film as its packets tell of it.
func (f *Film) Packets() *patch.Film { return f.b.film }

// Container is the extension that names its container: mp4, mov, mkv or webm.
func (f *Film) Container() string { return f.b.container() }

// Covers returns an error when a proof found changes outside of what was announced.
func (s Splice) Covers(found *patch.Report) error {
	for _, ch := range found.Changes {
		covered := false
		for _, g := range s.Regions {
			covered = covered || ch.Old == ch.New && g.Frames.From <= ch.New.From && ch.New.To <= g.Frames.To
		}
		if !covered {
			return &fault.Error{
				Class: fault.Permanent, Type: "patch-not-proved", Where: fmt.Sprintf("%s, frames %d to %d", found.Output.Name, ch.New.From, ch.New.To-1),
				Title: "they differ, and nothing was to change there",
			}
		}
	}
	return nil
}

// run is one patch.
type run struct {
	*base
	tool    *ffmpeg.Tool
	codec   codec
	o       Options
	dir     string
	fixes   []Fix
	films   []*patch.Film // of the fixes
	layout  *layout
	splice  Splice
	attempt attempt
	// done are the new frames that the encoder was given, of total.
	done, total int
	closers     []func()
}

func (r *run) temp(name string) string { return filepath.Join(r.dir, name+".mp4") }

// Patch replaces frames and writes the film to w. dir is for temporary files; the caller
// removes it.
func (f *Film) Patch(ctx context.Context, fixes []Fix, o Options, dir string, w io.Writer) (Splice, error) {
	fixes = slices.SortedStableFunc(slices.Values(fixes), func(a, b Fix) int { return cmp.Compare(a.Frames.From, b.Frames.From) })
	r := &run{base: f.b, tool: f.tool, o: o, dir: dir, fixes: fixes, layout: newLayout(f.b)}
	if f.b.movie != nil && f.b.movie.note != "" {
		r.splice.Warnings = append(r.splice.Warnings, f.b.movie.note)
	}
	defer func() {
		for _, c := range r.closers {
			c()
		}
	}()
	var known bool
	if r.codec, known = codecs[f.b.film.Source.Video.Codec]; !known {
		return r.splice, fault.Userf("unsupported-base", f.b.name, "its video is "+f.b.film.Source.Video.Codec+", into which nothing can be spliced",
			"encode the whole film again")
	}
	if err := o.check(f.b.film.Source.Video.Codec); err != nil {
		return r.splice, err
	}
	if err := r.openFixes(ctx); err != nil {
		return r.splice, err
	}
	regions, err := r.plan()
	if err != nil {
		return r.splice, err
	}
	if r.attempt, err = f.b.choose(ctx, r); err != nil {
		return r.splice, err
	}
	r.splice.Way, r.splice.Encoder = r.attempt.way, r.attempt.args
	for i, region := range regions {
		made, err := r.encode(ctx, r.pieces(region), r.temp(fmt.Sprintf("region%d", i)))
		if err != nil {
			return r.splice, err
		}
		r.closers = append(r.closers, made.close)
		if err := r.fill(region, made); err != nil {
			return r.splice, err
		}
	}
	if err := r.newSound(ctx); err != nil {
		return r.splice, err
	}
	return r.splice, r.layout.writeTo(w)
}

// plan finds the regions. What an edit list hides counts in them, and must not be touched.
func (r *run) plan() ([]Region, error) {
	pictures, err := r.pictures(r.codec)
	if err != nil {
		return nil, err
	}
	var asked []patch.Frames
	for _, x := range r.fixes {
		asked = append(asked, patch.Frames{From: x.Frames.From + r.hidden, To: x.Frames.To + r.hidden})
	}
	regions, err := Plan(pictures, asked)
	if err != nil {
		return nil, err
	}
	for _, g := range regions {
		f := g.Frames()
		if f.From < r.hidden || f.To > r.hidden+r.film.Frames() {
			return nil, fault.Userf("edit-list", r.name, fmt.Sprintf("frames that the edit list hides would have to be encoded again with frames %d to %d",
				max(0, f.From-r.hidden), min(f.To-r.hidden, r.film.Frames())), "remux it first so that nothing is hidden")
		}
		told := Grown{Frames: patch.Frames{From: f.From - r.hidden, To: f.To - r.hidden}, Again: f.Len()}
		for _, a := range g.Asked {
			told.Asked = append(told.Asked, patch.Frames{From: a.From - r.hidden, To: a.To - r.hidden})
			told.Again -= a.Len()
		}
		r.splice.Regions = append(r.splice.Regions, told)
		r.total += f.Len()
	}
	r.splice.Groups, r.splice.NewGroups = r.groups(r.splice.Regions)
	return regions, nil
}

// pieces are the frames of a region: those of the fixes, and the film's own around them.
func (r *run) pieces(g Region) []piece {
	var out []piece
	at := g.Frames().From - r.hidden
	for _, a := range g.Asked {
		a.From, a.To = a.From-r.hidden, a.To-r.hidden
		out = append(out, piece{r.film, patch.Frames{From: at, To: a.From}})
		for i, x := range r.fixes {
			if x.Frames == a {
				take := patch.Frames{To: a.Len()}
				if x.Aligned {
					take = a
				}
				out = append(out, piece{r.films[i], take})
			}
		}
		at = a.To
	}
	return append(out, piece{r.film, patch.Frames{From: at, To: g.Frames().To - r.hidden}})
}

// fill puts the new packets into the region's slots.
func (r *run) fill(g Region, made *movie) error {
	if len(made.samples) != g.Count() {
		return &fault.Error{Class: fault.Permanent, Type: "frame-mismatch", Where: r.name, Title: fmt.Sprintf("the encoder gave %d frames instead of %d", len(made.samples), g.Count())}
	}
	j, err := r.codec.fit(r.base, made, r.attempt)
	if err != nil {
		return err
	}
	if j.described != nil && r.layout.changed == nil {
		r.layout.changed = j.described
		r.splice.Warnings = append(r.splice.Warnings, j.warning)
	}
	if err := r.additions(g); err != nil {
		return err
	}
	for k, rank := range ranks(made) {
		s := slot{old: -1, data: sampleOf(&made.track, k, r.headless()), sync: made.samples[k].sync, pts: r.samples[r.order[g.Frames().From+rank]].pts}
		if s.sync {
			s.data.head = j.before
		}
		r.layout.slots[g.From+k] = s
	}
	return r.goOn(g, j)
}

// goOn prepares the old picture with which the film goes on behind a region.
func (r *run) goOn(g Region, j joint) error {
	if g.Next == len(r.samples) {
		return nil
	}
	at := g.Next
	if g.Leading > 0 {
		at = g.To - 1
	}
	s := slot{old: g.Next, pts: r.samples[g.Next].pts, sync: r.samples[g.Next].sync}
	if r.film.Source.Video.Codec == "hevc" {
		data, err := r.packet(g.Next)
		if err != nil {
			return err
		}
		broken := breakLink(data)
		if broken || len(j.after) > 0 {
			s.old, s.data = -1, content{head: append(append([]byte{}, j.after...), data...)}
		}
	}
	r.layout.slots[at] = s
	return nil
}

// ranks returns the place in the order of display of each sample.
func ranks(m *movie) []int {
	out := make([]int, len(m.samples))
	for i, s := range m.samples {
		for k, o := range m.samples[max(0, i-64):min(len(m.samples), i+65)] { // no encoder moves a picture further
			if o.pts < s.pts && k+max(0, i-64) > i {
				out[i]++
			} else if o.pts > s.pts && k+max(0, i-64) < i {
				out[i]--
			}
		}
		out[i] += i
	}
	return out
}
