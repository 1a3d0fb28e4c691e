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

// content is what a packet is made of: bytes, and behind them a sample of a file, where
// there is one.
type content struct {
	head []byte
	from *track
	i    int
	skip int64 // how many of the sample's bytes are left out
}

func (c content) Size() int64 {
	n := int64(len(c.head))
	if c.from != nil {
		n += int64(c.from.samples[c.i].size) - c.skip
	}
	return n
}

func (c content) WriteAll(w io.Writer) error {
	if _, err := w.Write(c.head); err != nil || c.from == nil {
		return err
	}
	s := c.from.samples[c.i]
	return c.from.copyBytes(w, s.off+c.skip, s.off+int64(s.size))
}

// swap replaces bytes of the film's file.
type swap struct {
	off  int64
	old  int64 // how many bytes
	data content
}
