package patch

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"

	"github.com/reweave/reweave/pkg/timeline"
)

//go:embed page.html.tmpl
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"count": count}).Parse(pageText))

// Bounds of a page: of so many changes the pictures are shown, and so many lines of a table.
const (
	maxPairs = 24
	maxLines = 500
)

// page is what the template gets.
type page struct {
	*Report
	Title    string
	Strip    []band
	Rows     []pageRow
	Hidden   int // changes that have no row
	KeptRows []Kept
	MoreKept int
	Frames   int // that are kept
	New      int
	Percent  string
	Faults   []Seam
	Look     []string
	// NonDrop says that the film could be counted in drop-frame, and isn't.
	NonDrop bool
}

// band is a stretch on the strip, in thousandths of the film's length.
type band struct {
	X, Width float64
	Label    string
}

// pageRow is a change as the page shows it.
type pageRow struct {
	Announced
	Number        int
	From, To      string // timecodes in the patched film
	Before, After template.URL
	Was, Now      string
}

// WritePage writes the report as one page of HTML that needs nothing else: no script, no
// network. pairs are the pictures of the first changes, look is what a person must look at
// besides what the report itself tells.
func (r *Report) WritePage(w io.Writer, pairs []Pair, look ...string) error {
	p := page{Report: r, Title: r.Output.Name, Look: append(r.look(), look...), NonDrop: timeline.Drops(r.Rate)}
	for _, k := range r.Kept {
		p.Frames += k.New.Len()
	}
	p.New = r.Output.Frames - p.Frames
	p.Percent = fmt.Sprintf("%.1f", 100*float64(p.Frames)/float64(max(1, r.Output.Frames)))
	clock := r.clock()
	for i, ch := range r.Changes {
		p.Strip = append(p.Strip, r.band(ch))
		if i >= maxLines {
			p.Hidden++
			continue
		}
		row := pageRow{
			Announced: ch, Number: i + 1, From: clock.Text(ch.New.From), To: clock.Text(max(ch.New.From, ch.New.To-1)),
			Was: framesText(ch.Old), Now: framesText(ch.New),
		}
		if i < len(pairs) {
			row.Before, row.After = picture(pairs[i].Before), picture(pairs[i].After)
		}
		p.Rows = append(p.Rows, row)
	}
	p.KeptRows = r.Kept[:min(len(r.Kept), maxLines)]
	p.MoreKept = len(r.Kept) - len(p.KeptRows)
	for _, s := range r.Seams {
		if s.Problem != "" {
			p.Faults = append(p.Faults, s)
		}
	}
	if err := pageTemplate.Execute(w, p); err != nil {
		return fmt.Errorf("write the page of %s: %w", r.Output.Name, err)
	}
	return nil
}

// clock counts the patched film's frames without dropping any number, as --range reads a
// timecode with a colon.
func (r *Report) clock() timeline.Clock { return timeline.Clock{Rate: r.Rate} }

// band returns where a change lies on the strip. It is never too narrow to be seen.
func (r *Report) band(ch Announced) band {
	total := float64(max(1, r.Output.Frames))
	b := band{X: 1000 * float64(ch.New.From) / total, Width: 1000 * float64(ch.New.Len()) / total, Label: ch.Why + " at " + r.clock().Text(ch.New.From)}
	b.Width = max(b.Width, 2)
	b.X = min(b.X, 1000-b.Width)
	return b
}

// look lists what a person must look at, as no comparison of packets can.
func (r *Report) look() (list []string) {
	if n := len(r.Changes); n > 0 {
		list = append(list, fmt.Sprintf("The %s below: whether what is new there is what was wanted.", plural(n, "change")))
	}
	if r.Same == "eye" {
		list = append(list, "What was kept because it came near, not because it was the same: a change of grade that is smaller than the tolerance is not in this film.")
	}
	changed := func(kind string) bool {
		return slices.ContainsFunc(r.Tracks, func(t Track) bool { return t.Kind == kind && !t.Same })
	}
	switch {
	case changed(KindSound) && r.Sound != "":
		list = append(list, "The sound, of which a track changed: "+r.Sound)
	case changed(KindSound):
		list = append(list, "The sound, of which a track changed.")
	}
	if changed(KindSubtitles) {
		list = append(list, "The subtitles, of which a track changed.")
	}
	if slices.ContainsFunc(r.Seams, func(s Seam) bool { return s.Problem != "" }) {
		list = append(list, "The seams that did not decode as they should: this film is not proved.")
	} else if !r.Proved {
		list = append(list, "What differs from the report of the patch, or from what was to be kept: this film is not proved.")
	}
	return list
}

func picture(jpeg []byte) template.URL {
	if len(jpeg) == 0 {
		return ""
	}
	return template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(jpeg)) //nolint:gosec // of our own making
}

func framesText(f Frames) string {
	switch f.Len() {
	case 0:
		return "nothing"
	case 1:
		return fmt.Sprintf("frame %d", f.From)
	}
	return fmt.Sprintf("frames %d–%d", f.From, f.To-1)
}

// count is a number with what it counts.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func plural(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
