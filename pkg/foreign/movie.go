package foreign

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/patch"
)

// movie is an MP4 or MOV file whose samples can be read.
type movie struct {
	name  string
	file  *os.File
	size  int64
	parts []part
	moov  *box
	// trak is the video track, stsd its sample description, entry its fourcc.
	trak, stsd *box
	entry      string
	*table
}

// largestHeader bounds what is read into memory at once: the sample tables of a film of
// days.
const largestHeader = 1 << 30

// openMovie reads the headers of a file. track is the number of its video track.
func openMovie(path, name string, track int) (*movie, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Userf("bad-input", name, "it can't be read", "")
	}
	m := &movie{name: name, file: f}
	if err := m.read(track); err != nil {
		_ = f.Close() // it was only read
		if _, told := errors.AsType[*fault.Error](err); told {
			return nil, err
		}
		e := fault.Userf("damaged-base", name, "the deliverable is damaged", "get a whole copy")
		e.Err = err
		return nil, e
	}
	return m, nil
}

func (m *movie) close() { _ = m.file.Close() } // it was only read

func (m *movie) read(track int) (err error) {
	if m.size, err = m.file.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	if m.parts, err = readParts(m.file, m.size); err != nil {
		return err
	}
	for _, p := range m.parts {
		switch {
		case p.kind == "moof":
			return fault.Userf("unsupported-base", m.name, "it is fragmented", "remux it, for example with ffmpeg -i IN -map 0 -c copy OUT.mp4")
		case p.kind == "moov" && m.moov != nil:
			return errors.New("there are two headers")
		case p.kind == "moov" && p.size > largestHeader:
			return errors.New("its header is too large")
		case p.kind == "moov":
			b := make([]byte, p.size-p.head)
			if _, err := m.file.ReadAt(b, p.off+p.head); err != nil {
				return err
			}
			m.moov = &box{kind: "moov"}
			if m.moov.kids, err = parseBoxes(b); err != nil {
				return err
			}
		}
	}
	if m.moov == nil {
		return errors.New("there is no header (moov)")
	}
	return m.findTrack(track)
}

func (m *movie) traks() []*box {
	return slices.DeleteFunc(slices.Clone(m.moov.kids), func(b *box) bool { return b.kind != "trak" })
}

func (m *movie) findTrack(n int) error {
	traks := m.traks()
	if n >= len(traks) {
		return errors.New("the video has no header")
	}
	m.trak = traks[n]
	stbl, hdlr := m.trak.find("mdia", "minf", "stbl"), m.trak.find("mdia", "hdlr")
	if stbl == nil || hdlr == nil || len(hdlr.body) < 12 || string(hdlr.body[8:12]) != "vide" {
		return errors.New("the video has no header")
	}
	m.stsd = stbl.find("stsd")
	if m.stsd == nil || len(m.stsd.body) < 16 {
		return errors.New("there is no sample description")
	}
	if n := binary.BigEndian.Uint32(m.stsd.body[4:]); n != 1 {
		return fault.Userf("unsupported-base", m.name, fmt.Sprintf("its video has %d sample descriptions", n), "only films with one can be patched")
	}
	m.entry = string(m.stsd.body[12:16])
	if m.entry == "encv" || m.entry == "drmi" {
		return fault.Userf("unsupported-base", m.name, "its video is encrypted", "patch it before it is encrypted")
	}
	for _, kind := range []string{"senc", "saiz", "saio", "subs", "stsh", "padb", "stz2"} {
		if stbl.find(kind) != nil {
			return fault.Userf("unsupported-base", m.name, "its video has a table of the kind "+kind+", which can't be carried over", "remux it, for example with ffmpeg -i IN -map 0 -c copy OUT.mp4")
		}
	}
	var err error
	if m.table, err = readTable(stbl); err != nil {
		return err
	}
	return m.whole()
}

// whole checks that all samples lie in the file.
func (m *movie) whole() error {
	if len(m.samples) == 0 {
		return errors.New("its video holds no packets")
	}
	for i, s := range m.samples {
		if !m.media(s.off, s.off+int64(s.size)) {
			return fmt.Errorf("packet %d of the video lies outside of the media", i)
		}
	}
	return nil
}

// media reports whether bytes lie within one of the boxes that hold media.
func (m *movie) media(from, to int64) bool {
	for _, p := range m.parts {
		if p.kind == "mdat" && from >= p.off+p.head && to <= p.off+p.size {
			return true
		}
	}
	return false
}

// packet reads a coded packet.
func (m *movie) packet(i int) ([]byte, error) {
	b := make([]byte, m.samples[i].size)
	if _, err := m.file.ReadAt(b, m.samples[i].off); err != nil {
		return nil, fmt.Errorf("read packet %d of %s: %w", i, m.name, err)
	}
	return b, nil
}

// entryHead is what stands in a visual sample entry before its boxes (ISO/IEC 14496-12,
// 12.1.3), with the sample description's own head before it.
const entryHead = 8 + 8 + 78

// config returns the body of a box of the sample description, or nil.
func (m *movie) config(kind string) []byte {
	kids, err := parseBoxes(m.stsd.body[min(entryHead, len(m.stsd.body)):])
	if err != nil {
		return nil
	}
	if b := (&box{kids: kids}).find(kind); b != nil {
		return b.body
	}
	return nil
}

// describe returns the sample description with another name and another box in it.
func (m *movie) describe(entry, kind string, body []byte) (*box, error) {
	kids, err := parseBoxes(m.stsd.body[min(entryHead, len(m.stsd.body)):])
	if err != nil {
		return nil, err
	}
	out := slices.Clone(m.stsd.body[:min(entryHead, len(m.stsd.body))])
	copy(out[12:], entry)
	for _, k := range kids {
		if k.kind == kind {
			k = &box{kind: kind, body: body}
		}
		out = k.append(out)
	}
	binary.BigEndian.PutUint32(out[8:], uint32(len(out)-8))
	return &box{kind: "stsd", body: out}, nil
}

// base is the deliverable that is patched.
type base struct {
	*movie
	film *patch.Film
	// at are the samples of the film's packets, in decode order; hidden is how many
	// samples are shown before the film's first frame, which an edit list hides.
	at     []int
	hidden int
	// order are the samples in order of display.
	order []int
}

// openBase reads a deliverable.
func openBase(ctx context.Context, tool *ffmpeg.Tool, path, name string) (*base, error) {
	src, err := tool.Probe(ctx, ffmpeg.Input{Path: path, Name: name}, nil)
	if err != nil {
		return nil, err
	}
	if src.Format != "mov" && src.Format != "mp4" && src.Format != "mov,mp4,m4a,3gp,3g2,mj2" {
		return nil, fault.Userf("unsupported-base", name, "it is no MP4 or MOV", "remux it into one, for example with ffmpeg -i IN -map 0 -c copy OUT.mov")
	}
	m, err := openMovie(path, name, src.Video.Index)
	if err != nil {
		return nil, err
	}
	b := &base{movie: m}
	if b.film, err = patch.Read(ctx, tool, path, name); err == nil {
		err = b.match()
	}
	if err != nil {
		m.close()
		return nil, err
	}
	return b, nil
}

// match finds the film's packets among the samples. Where there is an edit list they are
// not all of them, and ffmpeg moves the times by a constant.
func (b *base) match() error {
	b.order = make([]int, len(b.samples))
	at := map[int64]int{}
	for i, s := range b.samples {
		b.order[i], at[s.pts] = i, i
	}
	slices.SortStableFunc(b.order, func(x, y int) int { return int(b.samples[x].pts - b.samples[y].pts) })
	refuse := fault.Userf("edit-list", b.name, "an edit list joins several parts of it, or its times are not unique",
		"remux it first, for example with ffmpeg -i IN -map 0 -c copy OUT.mov, and check its timing")
	if len(at) != len(b.samples) || b.film.Frames() == 0 {
		return refuse
	}
	for first := range b.samples {
		if b.sized(first, b.film.Packets[0].Bytes) && b.matchFrom(at, b.samples[first].pts-b.film.Packets[0].PTS) {
			return nil
		}
	}
	return refuse
}

// matchFrom matches by time, with the film's times so many ticks before the samples'.
func (b *base) matchFrom(at map[int64]int, shift int64) bool {
	b.at = b.at[:0]
	least := int64(1<<63 - 1)
	for _, p := range b.film.Packets {
		i, ok := at[p.PTS+shift]
		if !ok || !b.sized(i, p.Bytes) {
			return false
		}
		least = min(least, p.PTS+shift)
		b.at = append(b.at, i)
	}
	slices.Sort(b.at)
	b.hidden = slices.IndexFunc(b.order, func(i int) bool { return b.samples[i].pts == least })
	for _, i := range b.order[b.hidden : b.hidden+b.film.Frames()] { // they follow each other
		if _, ok := slices.BinarySearch(b.at, i); !ok {
			return false
		}
	}
	return true
}

// sized reports whether a sample has so many bytes. Matroska, through which the film's
// packets came, leaves out the head of ProRes frames.
func (b *base) sized(i, bytes int) bool {
	if b.film.Source.Video.Codec == "prores" && int(b.samples[i].size) == bytes+8 {
		return true
	}
	return int(b.samples[i].size) == bytes
}

// pictures tells the plan what the samples are.
func (b *base) pictures(c codec) ([]Picture, error) {
	out := make([]Picture, len(b.samples))
	for i, s := range b.samples {
		out[i].PTS = s.pts
		if !s.sync {
			continue
		}
		data, err := b.packet(i)
		if err != nil {
			return nil, err
		}
		out[i].Entry = c.entry(b.movie, data)
	}
	return out, nil
}
