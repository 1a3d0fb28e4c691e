package patch

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/Eyevinn/mp4ff/hevc"
)

// hevcID is Matroska's name of HEVC.
const hevcID = "V_MPEGH/ISO/HEVC"

// summer returns what digests a packet. In HEVC two things don't count, which a splice has
// to change and which decode to the same frames: parameter sets that only repeat those of
// the configuration, and whether a picture that begins anew is called CRA or BLA
// (ITU-T H.265, 7.4.2.2). That it does decode to the same is what the seams show.
func (f *Film) summer() func([]byte) Sum {
	if f.Codec != hevcID {
		return func(b []byte) Sum { return sha256.Sum256(b) }
	}
	rec, err := hevc.DecodeHEVCDecConfRec(f.Config)
	if err != nil || rec.LengthSizeMinusOne != 3 {
		return func(b []byte) Sum { return sha256.Sum256(b) }
	}
	var known [][]byte
	for _, kind := range []hevc.NaluType{hevc.NALU_VPS, hevc.NALU_SPS, hevc.NALU_PPS} {
		known = append(known, rec.GetNalusForType(kind)...)
	}
	return func(b []byte) Sum { return hevcSum(b, known) }
}

func hevcSum(b []byte, known [][]byte) (sum Sum) {
	h := sha256.New()
	for len(b) > 4 {
		n := int64(binary.BigEndian.Uint32(b))
		if n <= 0 || n > int64(len(b)-4) {
			break
		}
		nal := b[4 : 4+n]
		switch kind := hevc.GetNaluType(nal[0]); {
		case slices.ContainsFunc(known, func(k []byte) bool { return bytes.Equal(k, nal) }):
		case kind >= hevc.NALU_BLA_W_LP && kind <= hevc.NALU_BLA_N_LP:
			h.Write(b[:4])
			h.Write([]byte{nal[0]&0x81 | byte(hevc.NALU_CRA)<<1})
			h.Write(nal[1:])
		default:
			h.Write(b[:4+n])
		}
		b = b[4+n:]
	}
	h.Write(b) // what is no NAL unit counts as it is
	return Sum(h.Sum(nil))
}

// settle moves leading pictures before the one that they lead to. In HEVC nothing behind
// that one refers to them or to what is before (ITU-T H.265, 7.4.2.2): it is as good a
// beginning as a closed one, and what is before it ends where its leading pictures begin.
func settle(packets []Packet) {
	for i := 0; i < len(packets); i++ {
		key := packets[i]
		n := 0
		for i+n+1 < len(packets) && packets[i+n+1].PTS < key.PTS {
			n++
		}
		if !key.Parts || n == 0 || slices.ContainsFunc(packets[i+n+1:min(len(packets), i+n+65)], func(p Packet) bool { return p.PTS < key.PTS }) {
			continue
		}
		copy(packets[i:], packets[i+1:i+n+1])
		packets[i].Parts = true
		key.Closed, key.Parts = true, false
		packets[i+n] = key
		i += n
	}
}
