package foreign

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/reweave/reweave/pkg/fault"
)

// movie is an MP4 or MOV file whose samples can be read.
type movie struct {
	track
	parts []part
	moov  *box
	// trak is the video track, stsd its sample description.
	trak, stsd *box
	// note is what a user must know of how the file was read, or "".
	note string
}

// largestHeader bounds what is read into memory at once: the sample tables of a film of
// days.
const largestHeader = 1 << 30

// openMovie reads the headers of a file. n is the number of its video track.
func openMovie(path, name string, n int) (*movie, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Userf("bad-input", name, "it can't be read", "")
	}
	m := &movie{track: track{name: name, file: f}}
	m.config = m.configBox
	if err := m.read(n); err != nil {
		_ = f.Close() // it was only read
		return nil, damaged(name, err)
	}
	return m, nil
}

func (m *movie) read(n int) error {
	if err := m.readMoov(); err != nil {
		return err
	}
	return m.findTrack(n)
}

// readMoov reads the file's header.
func (m *movie) readMoov() (err error) {
	if m.size, err = m.file.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	if m.parts, err = readParts(m.file, m.size); err != nil {
		return err
	}
	for _, p := range m.parts {
		switch {
		case p.kind == "moov" && m.moov != nil:
			return errors.New("there are two headers")
		case p.kind == "moov":
			if m.moov, err = m.readPart(p); err != nil {
				return err
			}
		}
	}
	if m.moov == nil {
		return errors.New("there is no header (moov)")
	}
	if slices.ContainsFunc(m.parts, func(p part) bool { return p.kind == "moof" }) {
		return m.join()
	}
	return nil
}

// readPart reads a part whole, and takes it apart.
func (m *movie) readPart(p part) (*box, error) {
	if p.size > largestHeader {
		return nil, errors.New("its header is too large")
	}
	b := make([]byte, p.size-p.head)
	if _, err := m.file.ReadAt(b, p.off+p.head); err != nil {
		return nil, err
	}
	out := &box{kind: p.kind}
	var err error
	out.kids, err = parseBoxes(b)
	return out, err
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
	t, err := readTable(stbl)
	if err != nil {
		return err
	}
	m.samples = t.samples
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
	i := m.partAt(from)
	return i >= 0 && m.parts[i].kind == "mdat" && from >= m.parts[i].off+m.parts[i].head && to <= m.parts[i].off+m.parts[i].size
}

// partAt returns the part in which a place of the file lies, or -1.
func (m *movie) partAt(off int64) int {
	i, _ := slices.BinarySearchFunc(m.parts, off, func(p part, off int64) int { return cmp.Compare(p.off+p.size, off+1) })
	if i < len(m.parts) && m.parts[i].off <= off {
		return i
	}
	return -1
}

// entryHead is what stands in a visual sample entry before its boxes (ISO/IEC 14496-12,
// 12.1.3), with the sample description's own head before it.
const entryHead = 8 + 8 + 78

// configBox returns the body of a box of the sample description, or nil.
func (m *movie) configBox(kind string) []byte {
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
func (m *movie) describe(d description) (*box, error) {
	kids, err := parseBoxes(m.stsd.body[min(entryHead, len(m.stsd.body)):])
	if err != nil {
		return nil, err
	}
	out := slices.Clone(m.stsd.body[:min(entryHead, len(m.stsd.body))])
	copy(out[12:], d.entry)
	for _, k := range kids {
		if k.kind == d.kind {
			k = &box{kind: d.kind, body: d.body}
		}
		out = k.append(out)
	}
	binary.BigEndian.PutUint32(out[8:], uint32(len(out)-8))
	return &box{kind: "stsd", body: out}, nil
}
