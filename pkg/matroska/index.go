package matroska

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Index is a Matroska or WebM file as its elements lie in it: what must be known to put
// other blocks into it and leave everything else as it is.
type Index struct {
	// DocType is matroska or webm.
	DocType string
	// Entries are the tracks, in the order of their headers.
	Entries []Entry
	// Blocks are those of the track that was asked for, in the order in which they lie.
	Blocks []Placed

	r        io.ReaderAt
	size     int64
	track    uint64
	segment  place
	top      []place // children of the segment
	clusters []placedCluster
}

// Entry is the header of one of a file's tracks.
type Entry struct {
	Track
	Number uint64
	UID    uint64
	// Kind is 1 for video, 2 for sound, 17 for subtitles.
	Kind int
}

// Placed is a block of a file.
type Placed struct {
	// Time is when it is shown, in units of the file's timestamps.
	Time int64
	Key  bool
	// Off and Size are where its packet lies.
	Off, Size int64
	// Additions says that the block holds more than its packet, such as a picture's alpha.
	Additions bool

	cluster int
	element place // SimpleBlock or BlockGroup
	head    []byte
	more    []byte // what a group holds besides its block and what the block refers to
}

type placedCluster struct {
	place
	time   int64
	sum    int64   // where its checksum's element lies, 0 where there is none
	places []place // elements that tell where in the file it lies, and how long the last one is
}

// ReadIndex reads where the elements of a file lie, and the blocks of its n-th track.
func ReadIndex(r io.ReaderAt, size int64, n int) (*Index, error) {
	x := &Index{r: &window{r: r, size: size}, size: size}
	head, err := readPlace(x.r, 0, size)
	if err != nil {
		return nil, err
	}
	if head.id != idEBML || head.open {
		return nil, fmt.Errorf("%w: no EBML header", ErrSyntax)
	}
	b, err := head.load(x.r)
	if err != nil {
		return nil, err
	}
	x.DocType = "matroska"
	if err := eachChild(b, func(id uint32, v []byte) error {
		if id == idDocType {
			x.DocType = string(v)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if x.segment, err = readPlace(x.r, head.end, size); err != nil {
		return nil, err
	}
	if x.segment.id != idSegment {
		return nil, fmt.Errorf("%w: no segment behind the header", ErrSyntax)
	}
	return x, x.readSegment(n)
}

func (x *Index) readSegment(n int) error {
	for off := x.segment.body; off < x.segment.end; {
		p, err := readPlace(x.r, off, x.segment.end)
		if err != nil {
			return err
		}
		switch p.id {
		case idTracks:
			if err := x.readTracks(p, n); err != nil {
				return err
			}
		case idCluster:
			if len(x.Entries) == 0 {
				return fmt.Errorf("%w: cluster before tracks", ErrSyntax)
			}
			if p, err = x.readCluster(p); err != nil {
				return err
			}
		default:
			if p.open {
				return fmt.Errorf("%w: element %X of unknown size", ErrSyntax, p.id)
			}
		}
		x.top, off = append(x.top, p), p.end
	}
	return nil
}

func (x *Index) readTracks(p place, n int) error {
	body, err := p.load(x.r)
	if err != nil {
		return err
	}
	err = eachChild(body, func(id uint32, entry []byte) error {
		if id != idTrackEntry {
			return nil
		}
		var e Entry
		err := eachChild(entry, func(id uint32, v []byte) error {
			switch id {
			case idTrackNumber:
				e.Number = uintOf(v)
			case idTrackUID:
				e.UID = uintOf(v)
			case idTrackType:
				e.Kind = int(uintOf(v))
			case idCodecID:
				e.CodecID = string(v)
			case idCodecPrivate:
				e.Private = v
			case idVideo:
				e.Video = v
			case idContentEncs:
				e.Encodings = v
			}
			return nil
		})
		x.Entries = append(x.Entries, e)
		return err
	})
	if err == nil && n >= len(x.Entries) {
		err = fmt.Errorf("%w: %d tracks where %d were expected", ErrSyntax, len(x.Entries), n+1)
	}
	if err == nil {
		x.track = x.Entries[n].Number
	}
	return err
}

// inCluster are the elements that a cluster of unknown size goes on with.
func inCluster(id uint32) bool {
	switch id {
	case idTimestamp, idPosition, idPrevSize, idSimpleBlock, idBlockGroup, idVoid, idCRC, 0x5854, 0xAF:
		return true
	}
	return false
}

// readCluster reads a cluster's blocks; where its size is not known, it finds its end.
func (x *Index) readCluster(p place) (place, error) {
	c := placedCluster{place: p}
	for off := p.body; off < p.end; {
		e, err := readPlace(x.r, off, p.end)
		if err != nil {
			return p, err
		}
		if p.open && !inCluster(e.id) {
			p.end = off
			break
		}
		if e.open {
			return p, fmt.Errorf("%w: element %X of unknown size", ErrSyntax, e.id)
		}
		switch e.id {
		case idTimestamp:
			b, err := e.load(x.r)
			if err != nil {
				return p, err
			}
			c.time = int64(uintOf(b))
		case idCRC:
			if off == p.body && e.end-e.body == 4 {
				c.sum = off
			}
		case idPosition, idPrevSize:
			c.places = append(c.places, e)
		case idSimpleBlock:
			err = x.readBlock(e, e, c.time)
		case idBlockGroup:
			err = x.readGroup(e, c.time)
		}
		if err != nil {
			return p, err
		}
		off = e.end
	}
	c.place = p
	x.clusters = append(x.clusters, c)
	return p, nil
}

// readGroup reads a group, if its block is one of the track's.
func (x *Index) readGroup(group place, time int64) error {
	var block place
	key, additions := true, false
	var more []place
	for off := group.body; off < group.end; {
		e, err := readPlace(x.r, off, group.end)
		if err != nil {
			return err
		}
		switch e.id {
		case idBlock:
			block = e
		case idReference, idReferPriority:
			key = key && e.id != idReference
		case idCRC:
		default:
			additions = additions || e.id == idAdditions
			more = append(more, e)
		}
		off = e.end
	}
	if block.id == 0 {
		return fmt.Errorf("%w: block group without a block", ErrSyntax)
	}
	n := len(x.Blocks)
	if err := x.readBlock(group, block, time); err != nil || len(x.Blocks) == n {
		return err
	}
	b := &x.Blocks[n]
	b.Key, b.Additions = key, additions
	for _, e := range more {
		whole := place{id: e.id, body: e.off, end: e.end}
		bytes, err := whole.load(x.r)
		if err != nil {
			return err
		}
		b.more = append(b.more, bytes...)
	}
	return nil
}

// readBlock notes a block, if it is one of the track's.
func (x *Index) readBlock(element, p place, time int64) error {
	var b [12]byte
	n, err := x.r.ReadAt(b[:min(12, p.end-p.body)], p.body)
	if err != nil && int64(n) < min(12, p.end-p.body) {
		return noEOF(err)
	}
	s := &sliceReader{b: b[:n]}
	number, _, err := readVint(s, 8, false)
	if err != nil || len(s.b) < 3 {
		return fmt.Errorf("%w: short block", ErrSyntax)
	}
	if number != x.track {
		return nil
	}
	if s.b[2]&0x06 != 0 {
		return fmt.Errorf("%w: laced block", ErrSyntax)
	}
	at := n - len(s.b)
	x.Blocks = append(x.Blocks, Placed{
		Time: time + int64(int16(binary.BigEndian.Uint16(s.b))), Key: s.b[2]&0x80 != 0,
		Off: p.body + int64(at) + 3, Size: p.end - p.body - int64(at) - 3,
		cluster: len(x.clusters), element: element, head: append([]byte{}, b[:at]...),
	})
	return nil
}
