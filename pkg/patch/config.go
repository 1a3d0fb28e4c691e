package patch

import (
	"bytes"
	"slices"

	"github.com/Eyevinn/mp4ff/avc"
)

// sameParameters reports whether packets of base decode in out as they do in base: the
// configurations are equal, or that of out has further parameter sets, under ids that
// base's don't have.
func sameParameters(base, out *Film) bool {
	if bytes.Equal(base.Config, out.Config) {
		return true
	}
	if base.Codec != "V_MPEG4/ISO/AVC" || out.Codec != base.Codec {
		return false
	}
	a, err1 := avc.DecodeAVCDecConfRec(base.Config)
	b, err2 := avc.DecodeAVCDecConfRec(out.Config)
	if err1 != nil || err2 != nil || !begins(b.SPSnalus, a.SPSnalus) || !begins(b.PPSnalus, a.PPSnalus) {
		return false
	}
	return distinct(b)
}

// begins reports whether all begins with the first ones.
func begins(all, first [][]byte) bool {
	return len(all) >= len(first) && slices.EqualFunc(all[:len(first)], first, bytes.Equal)
}

// distinct reports whether no two parameter sets of a kind have the same id.
func distinct(rec avc.DecConfRec) bool {
	sps := map[uint32]*avc.SPS{}
	for _, n := range rec.SPSnalus {
		s, err := avc.ParseSPSNALUnit(n, false)
		if err != nil || sps[s.ParameterID] != nil {
			return false
		}
		sps[s.ParameterID] = s
	}
	pps := map[uint32]bool{}
	for _, n := range rec.PPSnalus {
		p, err := avc.ParsePPSNALUnit(n, sps)
		if err != nil || pps[p.PicParameterSetID] {
			return false
		}
		pps[p.PicParameterSetID] = true
	}
	return true
}
