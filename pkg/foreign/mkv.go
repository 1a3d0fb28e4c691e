package foreign

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/matroska"
)

// mkv is a Matroska or WebM file whose blocks can be read.
type mkv struct {
	track
	index  *matroska.Index
	header matroska.Entry // of the video
}

// openMKV reads where the blocks of a file lie. n is the number of its video track.
func openMKV(path, name string, n int) (*mkv, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Userf("bad-input", name, "it can't be read", "")
	}
	m := &mkv{track: track{name: name, file: f}}
	if err := m.read(n); err != nil {
		_ = f.Close() // it was only read
		return nil, damaged(name, err)
	}
	return m, nil
}

func (m *mkv) read(n int) (err error) {
	if m.size, err = m.file.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	if m.index, err = matroska.ReadIndex(m.file, m.size, n); err != nil {
		return err
	}
	m.header = m.index.Entries[n]
	switch {
	case m.header.Kind != 1:
		return errors.New("the video has no header")
	case len(m.header.Encodings) > 0:
		return fault.Userf("unsupported-base", m.name, "its video is compressed or encrypted by the container", "remux it, for example with ffmpeg -i IN -map 0 -c copy OUT.mkv")
	case len(m.index.Blocks) == 0:
		return errors.New("its video holds no packets")
	}
	for _, b := range m.index.Blocks {
		m.samples = append(m.samples, sample{off: b.Off, size: uint32(b.Size), pts: b.Time, sync: b.Key})
	}
	m.entry, m.config = m.fourcc(), m.private
	return nil
}

// bitmapInfo is the length of the head that Video for Windows puts before a configuration.
const bitmapInfo = 40

// fourcc returns the codec's, where Matroska keeps one.
func (m *mkv) fourcc() string {
	p := m.header.Private
	switch {
	case m.header.CodecID == "V_PRORES" && len(p) >= 4:
		return string(p[:4])
	case m.header.CodecID == "V_QUICKTIME" && len(p) >= 8:
		return string(p[4:8])
	}
	return ""
}

// private returns the configuration record that other containers have in a box of the
// kind.
func (m *mkv) private(kind string) []byte {
	p := m.header.Private
	switch id := m.header.CodecID; {
	case id == map[string]string{"avcC": "V_MPEG4/ISO/AVC", "hvcC": "V_MPEGH/ISO/HEVC", "av1C": "V_AV1", "glbl": "V_FFV1"}[kind]:
		return p
	case id == "V_MS/VFW/FOURCC" && kind == "glbl" && len(p) >= bitmapInfo:
		return p[bitmapInfo:]
	}
	return nil
}

// container is the extension that names the container.
func (m *mkv) container() string {
	if m.index.DocType == "webm" {
		return "webm"
	}
	return "mkv"
}

// headless is how many bytes of new packets the film's container leaves out: Matroska has
// the frames of ProRes without their size and name.
func (b *base) headless() int64 {
	if b.mkv != nil && b.film.Source.Video.Codec == "prores" {
		return 8
	}
	return 0
}

// additions refuses to replace pictures with which the film has something else, that new
// ones would need too.
func (b *base) additions(g Region) error {
	if b.mkv == nil {
		return nil
	}
	for i := g.From; i < g.To; i++ {
		if b.mkv.index.Blocks[i].Additions {
			return fault.Userf("unsupported-base", b.name, fmt.Sprintf("packet %d carries more than its picture, such as its transparency", i), "encode the whole film again")
		}
	}
	return nil
}

// writeMKV writes a Matroska film with its new packets.
func (l *layout) writeMKV(w io.Writer) error {
	var changes []matroska.Change
	for i, s := range l.slots {
		if s.old == i {
			continue
		}
		changes = append(changes, matroska.Change{Block: i, Time: s.pts, Key: s.sync, Data: l.dataOf(s)})
	}
	var private []byte
	if l.changed != nil {
		private = l.changed.body
	}
	r, err := l.mkv.index.Rewrite(changes, private)
	if err != nil {
		return fmt.Errorf("write %s: %w", l.container(), err)
	}
	return r.WriteAll(w)
}
