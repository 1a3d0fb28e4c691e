package foreign

import "io"

// slot is the place of a packet in decode order, with what it holds: a packet of the
// film itself, or new bytes.
type slot struct {
	old  int     // sample that it holds, or -1
	data content // the new bytes where it doesn't
	pts  int64
	sync bool
}

// content is what goes into a file: bytes, and behind them a stretch of another file, where
// there is one.
type content struct {
	head   []byte
	from   *track
	off, n int64
}

// sampleOf is a sample of a track without its first bytes.
func sampleOf(t *track, i int, skip int64) content {
	s := t.samples[i]
	return content{from: t, off: s.off + skip, n: int64(s.size) - skip}
}

func (c content) Size() int64 { return int64(len(c.head)) + c.n }

func (c content) WriteAll(w io.Writer) error {
	if _, err := w.Write(c.head); err != nil || c.n == 0 {
		return err
	}
	return c.from.copyBytes(w, c.off, c.off+c.n)
}

// swap replaces bytes of the film's file.
type swap struct {
	off  int64
	old  int64 // how many bytes
	data content
	of   *box // the track that they are of
}
