package matroska

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Element ids of RFC 9559, with their length marker, as they stand in the file.
const (
	idEBML          = 0x1A45DFA3
	idSegment       = 0x18538067
	idInfo          = 0x1549A966
	idTimestampUnit = 0x2AD7B1
	idMuxingApp     = 0x4D80
	idWritingApp    = 0x5741
	idTracks        = 0x1654AE6B
	idTrackEntry    = 0xAE
	idTrackNumber   = 0xD7
	idTrackUID      = 0x73C5
	idTrackType     = 0x83
	idFlagLacing    = 0x9C
	idCodecID       = 0x86
	idCodecPrivate  = 0x63A2
	idVideo         = 0xE0
	idContentEncs   = 0x6D80
	idCluster       = 0x1F43B675
	idTimestamp     = 0xE7
	idSimpleBlock   = 0xA3
	idBlockGroup    = 0xA0
	idBlock         = 0xA1
	idReference     = 0xFB
)

// unknownSize marks an element whose end is found by what follows it.
const unknownSize = -1

// maxHeader bounds the elements that are read whole into memory besides packets.
const maxHeader = 16 << 20

// ErrSyntax says that the bytes are not the Matroska they should be.
var ErrSyntax = errors.New("malformed matroska")

// element is the head of an element: its id and the length of its body.
type element struct {
	id   uint32
	size int64
}

// readElement reads an element's head. It returns io.EOF at a clean end.
func readElement(r *bufio.Reader) (element, error) {
	id, _, err := readVint(r, 4, true)
	if err != nil {
		return element{}, err
	}
	size, unknown, err := readVint(r, 8, false)
	if err != nil {
		return element{}, noEOF(err)
	}
	if unknown {
		return element{uint32(id), unknownSize}, nil
	}
	return element{uint32(id), int64(size)}, nil
}

// readVint reads a variable-length integer of at most width bytes (RFC 8794,
// section 4). With marker kept it is an element id; unknown reports all value bits
// set, which as a size means "not known".
func readVint(r io.ByteReader, width int, marker bool) (v uint64, unknown bool, err error) {
	first, err := r.ReadByte()
	if err != nil {
		return 0, false, err
	}
	n, mask := 1, byte(0x80)
	for n <= width && first&mask == 0 {
		n, mask = n+1, mask>>1
	}
	if n > width {
		return 0, false, fmt.Errorf("%w: variable-length integer of more than %d bytes", ErrSyntax, width)
	}
	v = uint64(first)
	if !marker {
		v &= uint64(mask) - 1
	}
	for range n - 1 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, false, noEOF(err)
		}
		v = v<<8 | uint64(b)
	}
	return v, !marker && v == 1<<(7*n)-1, nil
}

// readBody reads the whole body of e, which must be of known and modest size.
func readBody(r io.Reader, e element) ([]byte, error) {
	if e.size < 0 || e.size > maxHeader {
		return nil, fmt.Errorf("%w: element %X of %d bytes", ErrSyntax, e.id, e.size)
	}
	b := make([]byte, e.size)
	_, err := io.ReadFull(r, b)
	return b, noEOF(err)
}

// noEOF turns an end of file in the middle of something into a broken stream.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// uintOf reads a big-endian unsigned integer of 0 to 8 bytes.
func uintOf(b []byte) (v uint64) {
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

// appendElement appends an element with body.
func appendElement(dst []byte, id uint32, body []byte) []byte {
	dst = appendHead(dst, id, int64(len(body)))
	return append(dst, body...)
}

// appendUint appends an element that holds an unsigned integer in 8 bytes, so that
// its length never depends on its value.
func appendUint(dst []byte, id uint32, v uint64) []byte {
	return appendElement(dst, id, binary.BigEndian.AppendUint64(nil, v))
}

// appendHead appends an element's id and its size, always in 8 bytes.
func appendHead(dst []byte, id uint32, size int64) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		if b := byte(id >> shift); b != 0 || id>>shift != 0 {
			dst = append(dst, b)
		}
	}
	if size == unknownSize {
		return append(dst, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF)
	}
	return binary.BigEndian.AppendUint64(dst, uint64(size)|1<<56)
}
