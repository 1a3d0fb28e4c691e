package timeline

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/media"
)

// Range is a stretch of a film that a list of markers names.
type Range struct {
	Frames
	// Line is where the list has it, from 1.
	Line int
	Name string
	// File holds what the stretch is to be replaced by, "" where the list doesn't tell.
	File string
}

// Ranges reads a list of stretches of a film: the events or DaVinci Resolve's markers of
// an EDL, or a table with a line for each. The film begins at the start that is given,
// else at 00:00:00:00. They come in order; none is empty, and none begins before another
// ends.
func Ranges(name string, data []byte, o Options) ([]Range, error) {
	if !o.Rate.Valid() {
		return nil, bad(name, 0, "a list of markers doesn't tell the frame rate", "name it: --rate 25")
	}
	text := utf8Of(data)
	read := table
	if KindOf(name, data) == KindEDL {
		read = markers
	}
	all, err := read(name, text, o)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b Range) int { return cmp.Or(a.From-b.From, a.To-b.To) })
	for i, r := range all {
		switch {
		case r.From < 0:
			return nil, bad(name, r.Line, "it begins before the film does", "give the timecode of the film's first frame: --start 01:00:00:00")
		case r.Len() <= 0:
			return nil, bad(name, r.Line, "it has no length", "give it a duration, or an end behind its beginning")
		case r.To > longest:
			return nil, bad(name, r.Line, "it ends more than a hundred hours behind the film's beginning", "mend its times")
		case i > 0 && r.From < all[i-1].To:
			return nil, bad(name, r.Line, fmt.Sprintf("it begins before that of line %d ends", all[i-1].Line), "put ranges apart from each other, or join them")
		}
	}
	if len(all) == 0 {
		return nil, bad(name, 0, "it names no range", "give it a line for each range")
	}
	return all, nil
}

// begin is the number of the film's first frame, from 00:00:00:00.
func (o Options) begin() (int, error) {
	if o.Start == "" {
		return 0, nil
	}
	return At(o.Start, o.Rate)
}

// markers reads the ranges of an EDL.
func markers(name, text string, o Options) ([]Range, error) {
	e, err := readEDL(name, text, o)
	if err != nil {
		return nil, err
	}
	begin, err := o.begin()
	if err != nil {
		return nil, bad(name, 0, err.Error(), "give the timecode of the film's first frame")
	}
	var all []Range
	for _, l := range e.lines {
		r := Range{Frames: Frames{l.ri - begin, l.ro - begin}, Line: l.line, Name: cmp.Or(l.from, l.reel)}
		if l.marker != nil {
			r.Name, r.To = l.marker.name, r.From+max(l.marker.frames, 1)
		} else if trackOf(l.track) == 0 || l.ri == l.ro {
			continue
		}
		all = append(all, r)
	}
	return all, nil
}

// columns are what the columns of a table may be called, without marks and spaces, the
// best name first.
var columns = map[string][]string{
	"in":       {"recordin", "in", "start", "from", "starttc", "starttime", "startframe", "timecodein", "timecode", "time", "position"},
	"out":      {"recordout", "out", "end", "to", "endtc", "endtime", "endframe", "timecodeout"},
	"duration": {"recordduration", "duration", "dur", "length"},
	"name":     {"name", "markername", "label", "title", "notes", "note", "comments", "comment", "description"},
	"file":     {"fix", "file", "replacement"},
}

var marks = regexp.MustCompile(`[^a-z]`)

// table reads a CSV, with commas, semicolons or tabs.
func table(name, text string, o Options) ([]Range, error) {
	begin, err := o.begin()
	if err != nil {
		return nil, bad(name, 0, err.Error(), "give the timecode of the film's first frame")
	}
	r := csv.NewReader(bytes.NewReader([]byte(text)))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes, r.Comment = separator(text), -1, true, '#'
	r.TrimLeadingSpace = r.Comma != '\t' // a tab is white space, too
	if strings.HasPrefix(strings.TrimSpace(text), "#,") || strings.HasPrefix(strings.TrimSpace(text), `"#"`) {
		r.Comment = 0 // DaVinci Resolve's column of numbers
	}
	var at map[string]int
	var all []Range
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		line := 0
		if pe := (*csv.ParseError)(nil); errors.As(err, &pe) {
			return nil, bad(name, pe.Line, "it is no table: "+pe.Err.Error(), "give a CSV with the columns in, out and, if there are such, fix and name")
		} else if err != nil {
			return nil, bad(name, 0, "it is no table: "+err.Error(), "")
		}
		line, _ = r.FieldPos(0)
		if at == nil {
			var header bool
			if at, header = head(row, o.Rate); at == nil {
				return nil, bad(name, line, "no column tells where a range begins and how long it is", "name the columns in and out, or in and duration, in the first line")
			} else if header {
				continue
			}
		}
		got, err := rowOf(row, at, o.Rate, begin)
		if err != nil {
			return nil, bad(name, line, err.Error(), "give timecodes 01:00:10:00, seconds 70.5, or frames 1713f")
		}
		if got != nil {
			got.Line = line
			all = append(all, *got)
		}
	}
}

var dropped = regexp.MustCompile(`:\d\d;\d\d`)

// separator is the mark that the first line has most of.
func separator(text string) rune {
	first, _, _ := strings.Cut(strings.TrimLeft(text, "\r\n \ufeff"), "\n")
	best, most := ',', 0
	for _, c := range []rune{',', ';', '\t'} {
		n := strings.Count(first, string(c))
		if c == ';' { // those of drop-frame timecodes part no columns
			n -= len(dropped.FindAllString(first, -1))
		}
		if n > most {
			best, most = c, n
		}
	}
	return best
}

// head finds the columns by their names; a table without a header has in, out, fix, name.
func head(row []string, rate media.Rational) (at map[string]int, header bool) {
	at = map[string]int{}
	names := make([]string, len(row))
	for i, c := range row {
		names[i] = marks.ReplaceAllString(strings.ToLower(c), "")
	}
	for what, called := range columns {
		for _, n := range called {
			if i := slices.Index(names, n); i >= 0 {
				at[what] = i
				break
			}
		}
	}
	_, in := at["in"]
	_, out := at["out"]
	_, long := at["duration"]
	if in && (out || long) {
		return at, true
	}
	if len(row) >= 2 {
		if _, _, err := Point(row[0], rate); err == nil {
			return map[string]int{"in": 0, "out": 1, "file": 2, "name": 3}, false
		}
	}
	return nil, false
}

// rowOf reads a line of a table; nil for one that is empty.
func rowOf(row []string, at map[string]int, rate media.Rational, begin int) (*Range, error) {
	field := func(what string) string {
		if i, ok := at[what]; ok && i < len(row) {
			return strings.TrimSpace(row[i])
		}
		return ""
	}
	if strings.TrimSpace(strings.Join(row, "")) == "" {
		return nil, nil
	}
	moment := func(text string) (int, error) {
		n, tc, err := Point(text, rate)
		if tc {
			n -= begin
		}
		return n, err
	}
	r := Range{Name: field("name"), File: field("file")}
	var err error
	if r.From, err = moment(field("in")); err != nil {
		return nil, err
	}
	if out := field("out"); out != "" {
		r.To, err = moment(out)
		return &r, err
	}
	n, _, err := Point(field("duration"), rate)
	r.To = r.From + n
	return &r, err
}

// Point returns the number of the frame that a time names, at a nominal rate: a timecode,
// counted from 00:00:00:00, seconds, to the nearest frame, or "1713f". It tells whether it
// was a timecode.
func Point(text string, rate media.Rational) (frame int, isTimecode bool, err error) {
	if n, ok := strings.CutSuffix(text, "f"); ok {
		v, err := strconv.Atoi(n)
		if err != nil || v < 0 {
			return 0, false, fmt.Errorf("%q is no number of frames", text)
		}
		return v, false, nil
	}
	if IsTimecode(text) {
		n, err := At(text, rate)
		return n, true, err
	}
	if digits := strings.TrimSuffix(text, "s"); len(digits) <= 20 && !strings.ContainsAny(digits, "/eEpP_xXbBoO") {
		if t, ok := new(big.Rat).SetString(digits); ok && t.Sign() >= 0 {
			t.Mul(t, big.NewRat(rate.Num, rate.Den)).Add(t, big.NewRat(1, 2))
			if n := new(big.Int).Quo(t.Num(), t.Denom()); n.IsInt64() && n.Int64() < 1<<40 {
				return int(n.Int64()), false, nil
			}
		}
	}
	return 0, false, fmt.Errorf("%q is neither a timecode nor seconds", text)
}
