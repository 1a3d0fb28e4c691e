// Package matroska reads the one-track Matroska stream that ffmpeg writes on a
// pipe, and writes segments: Matroska files of a few coded packets each.
//
// A segment's timestamps carry no time. A packet's timestamp is its display rank,
// its place among the segment's packets in the order of presentation, times
// [RankStep]: exact whatever the source's timebase, and the same for the same
// packets wherever in a film they stand. Real time lies in the plan.
//
// It also puts other blocks into a whole file, and leaves everything else as it is (see
// [Index]).
package matroska

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// Block is one coded packet of a stream.
type Block struct {
	// Time is the presentation time in milliseconds.
	Time int64
	Key  bool
	// Data is valid until the next call of Next.
	Data []byte
}

// Track is the header of a track: what a decoder needs besides the packets.
type Track struct {
	// CodecID is the codec's name in Matroska, such as "V_MPEG4/ISO/AVC".
	CodecID string
	// Private is the codec configuration, such as an avcC record.
	Private []byte
	// Video and Encodings are the bodies of the elements of that name.
	Video     []byte
	Encodings []byte
}

// Reader reads blocks from a stream.
type Reader struct {
	r       *bufio.Reader
	track   Track
	cluster int64
	buf     []byte
	pending *element // the first cluster's head, read while looking for the header
}

// NewReader reads the stream's header up to its first cluster.
func NewReader(r io.Reader) (*Reader, error) {
	m := &Reader{r: bufio.NewReaderSize(r, 1<<16)}
	e, err := readElement(m.r)
	if err != nil {
		return nil, err
	}
	if e.id != idEBML {
		return nil, fmt.Errorf("%w: no EBML header", ErrSyntax)
	}
	if _, err := readBody(m.r, e); err != nil {
		return nil, err
	}
	return m, m.readHeader()
}

// Track returns the header of the stream's first track.
func (m *Reader) Track() Track { return m.track }

func (m *Reader) readHeader() error {
	for {
		e, err := readElement(m.r)
		switch {
		case err != nil:
			return noEOF(err)
		case e.id == idSegment:
			continue // its children follow
		case e.id == idCluster:
			m.pending = &e
			if m.track.CodecID == "" {
				return fmt.Errorf("%w: cluster before tracks", ErrSyntax)
			}
			return nil
		}
		body, err := readBody(m.r, e)
		if err != nil {
			return err
		}
		if e.id == idTracks && m.track.CodecID == "" {
			if m.track, err = parseTracks(body); err != nil {
				return err
			}
		}
	}
}

// Next returns the next block, or io.EOF after the last.
func (m *Reader) Next() (Block, error) {
	for {
		e, err := m.head()
		if err != nil {
			return Block{}, err
		}
		switch e.id {
		case idCluster, idSegment: // children follow
		case idTimestamp:
			b, err := readBody(m.r, e)
			if err != nil {
				return Block{}, err
			}
			m.cluster = int64(uintOf(b))
		case idSimpleBlock:
			return m.simpleBlock(e)
		case idBlockGroup:
			return m.blockGroup(e)
		default:
			if e.size < 0 {
				return Block{}, fmt.Errorf("%w: element %X of unknown size", ErrSyntax, e.id)
			}
			if _, err := io.CopyN(io.Discard, m.r, e.size); err != nil {
				return Block{}, noEOF(err)
			}
		}
	}
}

func (m *Reader) head() (element, error) {
	if m.pending != nil {
		e := *m.pending
		m.pending = nil
		return e, nil
	}
	return readElement(m.r)
}

func (m *Reader) simpleBlock(e element) (Block, error) {
	if err := m.fill(e.size); err != nil {
		return Block{}, err
	}
	b, flags, err := m.block(m.buf)
	b.Key = flags&0x80 != 0
	return b, err
}

// blockGroup reads a group; its block is a keyframe when nothing is referenced.
func (m *Reader) blockGroup(e element) (Block, error) {
	if err := m.fill(e.size); err != nil {
		return Block{}, err
	}
	var out Block
	found, key := false, true
	err := eachChild(m.buf, func(id uint32, body []byte) (err error) {
		switch id {
		case idBlock:
			found = true
			out, _, err = m.block(body)
		case idReference:
			key = false
		}
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: block group without a block", ErrSyntax)
	}
	out.Key = key
	return out, err
}

// maxPacket bounds one coded packet: an uncompressed 16K picture with 16 bits.
const maxPacket = 1 << 30

func (m *Reader) fill(size int64) error {
	if size < 4 || size > maxPacket {
		return fmt.Errorf("%w: block of %d bytes", ErrSyntax, size)
	}
	// Grow by what really arrives, so that a lying size costs no memory.
	m.buf = m.buf[:0]
	for int64(len(m.buf)) < size {
		step := min(size-int64(len(m.buf)), max(1<<20, int64(cap(m.buf))))
		at := len(m.buf)
		if need := at + int(step); need > cap(m.buf) {
			grown := make([]byte, at, need)
			copy(grown, m.buf)
			m.buf = grown
		}
		m.buf = m.buf[:at+int(step)]
		if _, err := io.ReadFull(m.r, m.buf[at:]); err != nil {
			return noEOF(err)
		}
	}
	return nil
}

// block parses a Block's or SimpleBlock's body (RFC 9559, section 10.1).
func (m *Reader) block(b []byte) (Block, byte, error) {
	r := &sliceReader{b: b}
	if _, _, err := readVint(r, 8, false); err != nil {
		return Block{}, 0, noEOF(err)
	}
	if len(r.b) < 3 {
		return Block{}, 0, fmt.Errorf("%w: short block", ErrSyntax)
	}
	flags := r.b[2]
	if flags&0x06 != 0 {
		return Block{}, 0, fmt.Errorf("%w: laced block", ErrSyntax)
	}
	rel := int64(int16(binary.BigEndian.Uint16(r.b)))
	return Block{Time: m.cluster + rel, Data: r.b[3:]}, flags, nil
}

func parseTracks(body []byte) (Track, error) {
	var t Track
	found := false
	err := eachChild(body, func(id uint32, entry []byte) error {
		if id != idTrackEntry || found {
			return nil
		}
		found = true
		return eachChild(entry, func(id uint32, v []byte) error {
			switch id {
			case idCodecID:
				t.CodecID = string(v)
			case idCodecPrivate:
				t.Private = v
			case idVideo:
				t.Video = v
			case idContentEncs:
				t.Encodings = v
			}
			return nil
		})
	})
	if err == nil && t.CodecID == "" {
		err = fmt.Errorf("%w: track without a codec", ErrSyntax)
	}
	return t, err
}

// eachChild calls fn for every element in body.
func eachChild(body []byte, fn func(id uint32, v []byte) error) error {
	r := &sliceReader{b: body}
	for len(r.b) > 0 {
		id, _, err := readVint(r, 4, true)
		if err != nil {
			return noEOF(err)
		}
		size, unknown, err := readVint(r, 8, false)
		if err != nil {
			return noEOF(err)
		}
		if unknown || size > uint64(len(r.b)) {
			return fmt.Errorf("%w: element %X is longer than its parent", ErrSyntax, id)
		}
		if err := fn(uint32(id), r.b[:size]); err != nil {
			return err
		}
		r.b = r.b[size:]
	}
	return nil
}

// sliceReader reads bytes off the front of a slice.
type sliceReader struct{ b []byte }

func (r *sliceReader) ReadByte() (byte, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c, nil
}
