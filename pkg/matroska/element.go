package matroska

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Further ids of RFC 9559 that only a whole file has.
const (
	idDocType       = 0x4282
	idVoid          = 0xEC
	idCRC           = 0xBF
	idSeekHead      = 0x114D9B74
	idSeek          = 0x4DBB
	idSeekID        = 0x53AB
	idSeekPosition  = 0x53AC
	idTags          = 0x1254C367
	idChapters      = 0x1043A770
	idAttachments   = 0x1941A469
	idPosition      = 0xA7
	idPrevSize      = 0xAB
	idAdditions     = 0x75A1
	idCues          = 0x1C53BB6B
	idCuePoint      = 0xBB
	idCueTime       = 0xB3
	idCuePositions  = 0xB7
	idCueTrack      = 0xF7
	idCueCluster    = 0xF1
	idCueRelative   = 0xF0
	idCueBlock      = 0x5378
	idReferPriority = 0xFA
)

// place is where an element lies in a file.
type place struct {
	id   uint32
	off  int64 // of its head
	body int64 // of its body
	end  int64
	open bool // its size is not known: it goes on to what can't be in it
}

// readPlace reads the head of the element at off. end is that of its parent.
func readPlace(r io.ReaderAt, off, end int64) (place, error) {
	var b [12]byte
	n, err := r.ReadAt(b[:min(12, end-off)], off)
	if err != nil && !errors.Is(err, io.EOF) {
		return place{}, err
	}
	s := &sliceReader{b: b[:n]}
	id, _, err := readVint(s, 4, true)
	if err != nil {
		return place{}, noEOF(err)
	}
	size, unknown, err := readVint(s, 8, false)
	if err != nil {
		return place{}, noEOF(err)
	}
	p := place{id: uint32(id), off: off, body: off + int64(n-len(s.b)), open: unknown}
	switch {
	case unknown:
		p.end = end
	case size > uint64(end-p.body):
		return place{}, fmt.Errorf("%w: element %X at byte %d goes on behind its parent's end", ErrSyntax, id, off)
	default:
		p.end = p.body + int64(size)
	}
	return p, nil
}

// load reads an element's body, which must be of modest size.
func (p place) load(r io.ReaderAt) ([]byte, error) {
	if p.end-p.body > maxHeader || p.open {
		return nil, fmt.Errorf("%w: element %X of %d bytes", ErrSyntax, p.id, p.end-p.body)
	}
	b := make([]byte, p.end-p.body)
	_, err := io.ReadFull(io.NewSectionReader(r, p.body, p.end-p.body), b)
	return b, noEOF(err)
}

// appendSmall appends an element with as short a head as can be.
func appendSmall(dst []byte, id uint32, body []byte) []byte {
	return append(appendSize(appendID(dst, id), int64(len(body)), 1), body...)
}

func appendID(dst []byte, id uint32) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		if id>>shift != 0 {
			dst = append(dst, byte(id>>shift))
		}
	}
	return dst
}

// appendSize appends a size in as few bytes as can be, but not fewer than least.
func appendSize(dst []byte, size int64, least int) []byte {
	n := max(1, least)
	for n < 8 && size >= 1<<(7*n)-1 { // all ones would be a size that isn't known
		n++
	}
	for i := n - 1; i >= 0; i-- {
		b := byte(size >> (8 * i))
		if i == n-1 {
			b |= 1 << (8 - n)
		}
		dst = append(dst, b)
	}
	return dst
}

// sealed returns the body of a master element whose first child is its checksum (RFC 8794,
// 11.3.1), if it had one.
func sealed(body []byte, withSum bool) []byte {
	if !withSum {
		return body
	}
	return append(checksum(crc32.ChecksumIEEE(body)), body...)
}

// checksum is the element that holds a checksum.
func checksum(sum uint32) []byte {
	return binary.LittleEndian.AppendUint32([]byte{idCRC, 0x84}, sum)
}

// summed reports whether a body begins with a checksum.
func summed(body []byte) bool { return len(body) > 6 && body[0] == idCRC && body[1] == 0x84 }

// window reads the heads of elements that lie near each other with one call.
type window struct {
	r    io.ReaderAt
	size int64
	at   int64
	b    []byte
}

func (w *window) ReadAt(p []byte, off int64) (int, error) {
	const ahead = 4096
	if len(p) > ahead/4 {
		return w.r.ReadAt(p, off)
	}
	if off < w.at || off+int64(len(p)) > w.at+int64(len(w.b)) {
		if w.b == nil {
			w.b = make([]byte, ahead)
		}
		w.b = w.b[:min(ahead, max(0, w.size-off))]
		n, err := w.r.ReadAt(w.b, off)
		w.at, w.b = off, w.b[:n]
		if n < len(p) && err != nil {
			return copy(p, w.b), err
		}
		if n < len(p) {
			return copy(p, w.b), io.EOF
		}
	}
	return copy(p, w.b[off-w.at:]), nil
}
