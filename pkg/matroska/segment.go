package matroska

import (
	"encoding/binary"
	"io"
)

// RankStep is the distance of two display ranks in a segment, in milliseconds.
const RankStep = 40

// clusterRanks is how many ranks a cluster may span: a block's time is a signed
// 16-bit distance from its cluster's.
const clusterRanks = 30000 / RankStep

// Packet is a packet of a segment: where its bytes are and where it is displayed.
type Packet struct {
	// Rank is the packet's place in the order of presentation, from 0.
	Rank int
	Key  bool
	Data io.ReaderAt
	Off  int64
	Size int64
}

// Segment is a Matroska file made of a track's header and packets in decode order.
// It is a value: the bytes are made while they are read.
type Segment struct {
	parts []part
	size  int64
}

// part is a run of literal bytes, followed by a run of bytes of a source.
type part struct {
	at   int64 // offset of the part in the file
	head []byte
	src  io.ReaderAt
	off  int64
	n    int64
}

// NewSegment lays out the segment of the given packets.
func NewSegment(t Track, packets []Packet) *Segment {
	s := &Segment{}
	head := header(t)
	for len(packets) > 0 {
		n, size := cluster(packets)
		head = appendHead(head, idCluster, size)
		base := packets[0].Rank
		head = appendUint(head, idTimestamp, uint64(base)*RankStep)
		for _, p := range packets[:n] {
			head = appendHead(head, idSimpleBlock, 4+p.Size)
			head = append(head, 0x81)
			head = binary.BigEndian.AppendUint16(head, uint16(int16((p.Rank-base)*RankStep)))
			flags := byte(0)
			if p.Key {
				flags = 0x80
			}
			head = append(head, flags)
			s.add(head, p)
			head = nil
		}
		packets = packets[n:]
	}
	if head != nil {
		s.add(head, Packet{})
	}
	return s
}

func (s *Segment) add(head []byte, p Packet) {
	s.parts = append(s.parts, part{at: s.size, head: head, src: p.Data, off: p.Off, n: p.Size})
	s.size += int64(len(head)) + p.Size
}

// cluster returns how many of the packets go into the next cluster and the size of
// its body.
func cluster(packets []Packet) (n int, size int64) {
	size = int64(len(appendUint(nil, idTimestamp, 0)))
	blockHead := int64(len(appendHead(nil, idSimpleBlock, 0)))
	for _, p := range packets {
		if d := p.Rank - packets[0].Rank; d > clusterRanks || d < -clusterRanks {
			break
		}
		n++
		size += blockHead + 4 + p.Size
	}
	return n, size
}

// header returns everything before the first cluster.
func header(t Track) []byte {
	ebml := appendUint(nil, 0x4286, 1)                            // EBMLVersion
	ebml = appendUint(ebml, 0x42F7, 1)                            // EBMLReadVersion
	ebml = appendUint(ebml, 0x42F2, 4)                            // EBMLMaxIDLength
	ebml = appendUint(ebml, 0x42F3, 8)                            // EBMLMaxSizeLength
	ebml = appendElement(ebml, 0x4282, []byte("matroska"))        // DocType
	ebml = appendUint(appendUint(ebml, 0x4287, 4), 0x4285, 2)     // DocTypeVersion, DocTypeReadVersion
	info := appendUint(nil, idTimestampUnit, 1_000_000)           // 1 ms
	info = appendElement(info, idMuxingApp, []byte("reweave"))    //
	info = appendElement(info, idWritingApp, []byte("reweave"))   //
	entry := appendUint(nil, idTrackNumber, 1)                    //
	entry = appendUint(appendUint(entry, idTrackUID, 1), 0x83, 1) // TrackType video
	entry = appendUint(entry, idFlagLacing, 0)                    //
	entry = appendElement(entry, idCodecID, []byte(t.CodecID))    //
	entry = appendOptional(entry, idCodecPrivate, t.Private)      //
	entry = appendOptional(entry, idVideo, t.Video)               //
	entry = appendOptional(entry, idContentEncs, t.Encodings)     //
	out := appendElement(nil, idEBML, ebml)                       //
	out = appendHead(out, idSegment, unknownSize)                 //
	out = appendElement(out, idInfo, info)                        //
	return appendElement(out, idTracks, appendElement(nil, idTrackEntry, entry))
}

func appendOptional(dst []byte, id uint32, body []byte) []byte {
	if len(body) == 0 {
		return dst
	}
	return appendElement(dst, id, body)
}

// Size returns the length of the file in bytes.
func (s *Segment) Size() int64 { return s.size }

// Open returns a reader of the file, which can seek. Several may read at once.
func (s *Segment) Open() io.ReadSeeker { return io.NewSectionReader(s, 0, s.size) }

// ReadAt implements io.ReaderAt.
func (s *Segment) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		if off >= s.size {
			return n, io.EOF
		}
		k, err := s.partAt(off).readAt(p[n:], off)
		n, off = n+k, off+int64(k)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// partAt returns the part that holds the byte at off, by binary search.
func (s *Segment) partAt(off int64) part {
	lo, hi := 0, len(s.parts)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; s.parts[mid].at <= off {
			lo = mid
		} else {
			hi = mid
		}
	}
	return s.parts[lo]
}

// readAt reads from one part only; a short count without an error means that the
// next part follows.
func (p part) readAt(b []byte, off int64) (int, error) {
	off -= p.at
	if off < int64(len(p.head)) {
		return copy(b, p.head[off:]), nil
	}
	off -= int64(len(p.head))
	b = b[:min(int64(len(b)), p.n-off)]
	n, err := p.src.ReadAt(b, p.off+off)
	if n == len(b) {
		err = nil
	} else if err != nil {
		err = noEOF(err)
	}
	return n, err
}
