package foreign

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/Eyevinn/mp4ff/hevc"

	"github.com/reweave/reweave/pkg/fault"
)

const inBand = "the parameter sets are repeated in the packets where the encodes meet: whoever jumps out of a patched range without " +
	"starting its decoder anew may decode the old packets with the new sets. Look at the seams in the players that matter"

var hevcSets = []hevc.NaluType{hevc.NALU_VPS, hevc.NALU_SPS, hevc.NALU_PPS}

func hevcRecord(m *track) (hevc.DecConfRec, *hevc.SPS, error) {
	refuse := func(err error) error {
		return fault.Userf("unsupported-base", m.name, "its hvcC can't be used: "+err.Error(), "encode the whole film again")
	}
	rec, err := hevc.DecodeHEVCDecConfRec(m.config("hvcC"))
	if err != nil {
		return rec, nil, refuse(err)
	}
	all := rec.GetNalusForType(hevc.NALU_SPS)
	if len(all) != 1 || rec.LengthSizeMinusOne != 3 {
		return rec, nil, refuse(fmt.Errorf("it holds %d SPS", len(all)))
	}
	sps, err := hevc.ParseSPSNALUnit(all[0])
	if err != nil {
		return rec, nil, refuse(err)
	}
	return rec, sps, nil
}

func hevcAttempts(b *base, o Options) ([]attempt, error) {
	_, sps, err := hevcRecord(b.track)
	if err != nil {
		return nil, err
	}
	if sps.VUI == nil || !sps.VUI.ChromaLocInfoPresentFlag {
		b.film.Source.Video.Picture.ChromaLoc = "" // what ffmpeg tells then is its default, which x265 would write down
	}
	var clock []string
	if v := sps.VUI; v != nil && v.TimingInfoPresentFlag && v.NumUnitsInTick > 0 {
		clock = unitOfTime(b, uint64(v.NumUnitsInTick), uint64(v.TimeScale))
	}
	first, err := b.packet(0)
	if err != nil {
		return nil, err
	}
	var ways []attempt
	fixed := append(b.x265Fixed(), x265Header(sps)...)
	if told := x265Told(b.config("hvcC"), first); told != "" {
		ways = append(ways, attempt{[]string{"-c:v", "libx265", "-x265-params", strings.Join(append(slices.Clone(fixed), told, "open-gop=0"), ":")}, "clone"})
	}
	params := append(slices.Clone(fixed), b.x265Fitting(sps)...)
	presets := []string{o.Preset}
	if o.Preset == "" { // the film doesn't tell which one it was, and the parameter sets depend on it
		presets = []string{"medium", "slow", "fast", "veryfast", "ultrafast", "slower"}
	}
	for _, preset := range presets {
		ways = append(ways, attempt{[]string{"-c:v", "libx265", "-preset", preset, "-crf", or(o.CRF, "16"), "-x265-params", strings.Join(params, ":")}, "same"})
	}
	for i := range ways {
		ways[i].args = append(ways[i].args, clock...)
	}
	if o.Parameters == "in-band" {
		for _, w := range slices.Clone(ways) {
			ways = append(ways, attempt{w.args, "in-band"})
		}
	}
	return ways, nil
}

// x265Fixed are the settings that any new packets have.
func (b *base) x265Fixed() []string {
	params := []string{"open-gop=0", "info=0", "log-level=error"}
	p := b.film.Source.Video.Picture
	if p.Mastering != "" {
		params = append(params, "master-display="+p.Mastering, "hdr10=1")
	}
	if p.Light != "" {
		params = append(params, "max-cll="+p.Light)
	}
	return params
}

// x265Fitting are settings for a film that tells none: its level and its reordering.
func (b *base) x265Fitting(sps *hevc.SPS) []string {
	params := []string{fmt.Sprintf("level-idc=%d", int(sps.ProfileTierLevel.GeneralLevelIDC)/3)}
	if sps.ProfileTierLevel.GeneralTierFlag {
		params = append(params, "high-tier=1")
	} else {
		params = append(params, "no-high-tier=1")
	}
	return append(params, b.grouping("b-pyramid=0")...)
}

// grouping are the settings of x264 or x265 for groups of pictures of the film's kind; flat
// is how the encoder is told that no picture refers to a B-picture.
func (b *base) grouping(flat string) []string {
	switch depth := reordering(b.samples); {
	case b.intra():
		return []string{"keyint=1"}
	case depth == 0:
		return []string{"bframes=0"}
	case depth == 1:
		return []string{flat}
	}
	return nil
}

func hevcFit(b *base, made *movie, a attempt) (joint, error) {
	old, oldSPS, err := hevcRecord(b.track)
	if err != nil {
		return joint{}, err
	}
	rec, sps, err := hevcRecord(&made.track)
	if err != nil {
		return joint{}, err
	}
	var differ []string
	for _, kind := range hevcSets {
		if !slices.EqualFunc(old.GetNalusForType(kind), rec.GetNalusForType(kind), bytes.Equal) {
			differ = append(differ, kind.String())
		}
	}
	if len(differ) == 0 {
		return joint{}, nil
	}
	if a.way != "in-band" {
		what := differing("SPS", oldSPS, sps)
		if a, b := hevcPictures(old, oldSPS), hevcPictures(rec, sps); a != nil && b != nil {
			what = append(what, differing("PPS", a, b)...)
		}
		if len(what) == 0 {
			what = []string{"these sets differ: " + strings.Join(differ, ", ")}
		}
		return joint{}, differs(b, listed(what), "add --parameters in-band and look at the seams in the players that matter, or encode the range with the encoder that made the film")
	}
	if what := hevcUnsafe(oldSPS, sps); what != "" {
		return joint{}, differs(b, what, otherHint)
	}
	return joint{
		before: repeated(rec), after: repeated(old), warning: inBand,
		described: &description{"hev1", "hvcC", b.config("hvcC")},
	}, nil
}

// hevcPictures reads the only PPS of a header, or returns nil.
func hevcPictures(rec hevc.DecConfRec, sps *hevc.SPS) *hevc.PPS {
	all := rec.GetNalusForType(hevc.NALU_PPS)
	if len(all) != 1 {
		return nil
	}
	pps, err := hevc.ParsePPSNALUnit(all[0], map[uint32]*hevc.SPS{uint32(sps.SpsID): sps})
	if err != nil {
		return nil
	}
	return pps
}

// hevcUnsafe names what must be equal in two sequences of one film.
func hevcUnsafe(old, made *hevc.SPS) string {
	a, b := &hevc.SPS{}, &hevc.SPS{}
	for _, p := range []struct{ from, to *hevc.SPS }{{old, a}, {made, b}} {
		s := p.from
		p.to.ChromaFormatIDC, p.to.BitDepthLumaMinus8, p.to.BitDepthChromaMinus8 = s.ChromaFormatIDC, s.BitDepthLumaMinus8, s.BitDepthChromaMinus8
		p.to.PicWidthInLumaSamples, p.to.PicHeightInLumaSamples, p.to.ConformanceWindow = s.PicWidthInLumaSamples, s.PicHeightInLumaSamples, s.ConformanceWindow
		p.to.ProfileTierLevel.GeneralProfileIDC = s.ProfileTierLevel.GeneralProfileIDC
		v := s.VUI
		if v == nil {
			v = &hevc.VUIParameters{}
		}
		p.to.VUI = &hevc.VUIParameters{
			VideoFullRangeFlag: v.VideoFullRangeFlag, ColourPrimaries: v.ColourPrimaries, TransferCharacteristics: v.TransferCharacteristics,
			MatrixCoefficients: v.MatrixCoefficients, ChromaSampleLocTypeTopField: v.ChromaSampleLocTypeTopField,
			SampleAspectRatioWidth: v.SampleAspectRatioWidth, SampleAspectRatioHeight: v.SampleAspectRatioHeight,
		}
	}
	if what := told(a, b); what != "" {
		return what
	}
	if made.ProfileTierLevel.GeneralLevelIDC > old.ProfileTierLevel.GeneralLevelIDC {
		return fmt.Sprintf("the level is %d, above %d", made.ProfileTierLevel.GeneralLevelIDC, old.ProfileTierLevel.GeneralLevelIDC)
	}
	return ""
}

// repeated returns the parameter sets as they stand in a packet.
func repeated(rec hevc.DecConfRec) (out []byte) {
	for _, kind := range hevcSets {
		for _, n := range rec.GetNalusForType(kind) {
			out = append(binary.BigEndian.AppendUint32(out, uint32(len(n))), n...)
		}
	}
	return out
}

// breakLink makes a BLA picture without leading ones of a packet that holds a CRA picture
// or a BLA picture with leading ones (ITU-T H.265, 7.4.2.2): what it refers to is gone,
// and its order count must begin anew. It reports whether it changed anything.
func breakLink(packet []byte) (changed bool) {
	for _, n := range nals(packet) {
		switch hevc.GetNaluType(n[0]) {
		case hevc.NALU_CRA, hevc.NALU_BLA_W_LP, hevc.NALU_BLA_W_RADL:
			n[0] = n[0]&0x81 | byte(hevc.NALU_BLA_N_LP)<<1
			changed = true
		}
	}
	return changed
}
