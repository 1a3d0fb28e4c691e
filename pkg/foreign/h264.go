package foreign

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/Eyevinn/mp4ff/avc"

	"github.com/reweave/reweave/pkg/fault"
)

// lostFrame is what is known of decoders that change between parameter sets.
const lostFrame = "the new packets have parameter sets of their own (a second SPS and PPS in the header): ffmpeg decodes every frame, " +
	"but OpenH264 2.3 did not show the last frame before the change. Look at the seams in the players that matter"

func h264Attempts(b *base, o Options) ([]attempt, error) {
	rec, sps, err := h264Sets(b.track)
	if err != nil {
		return nil, err
	}
	if err := b.asFrames(sps); err != nil {
		return nil, err
	}
	first, err := b.packet(0)
	if err != nil {
		return nil, err
	}
	clock, pps := b.clock(sps), pictureSet(rec, sps)
	var ways []attempt
	if told := x264Told(first); told != nil {
		if params := x264Params(byQuality(told, pps), sps); params != "" {
			params = strings.Join(append([]string{levelOf(sps), params}, b.x264Header(told, sps, first)...), ":")
			ways = append(ways, attempt{append([]string{"-c:v", "libx264", "-x264-params", params}, clock...), "clone"})
		}
	}
	ways = append(ways, attempt{append(x264Fitting(b, o, sps, pps, first), clock...), "same"})
	if o.Parameters != "second" {
		return ways, nil
	}
	id, ok := freeID(rec)
	if !ok {
		return ways, nil
	}
	free := slices.Clone(ways)
	free[len(free)-1] = attempt{append(x264Fitting(b, o, sps, nil, first), clock...), "same"} // nothing has to be as the film's PPS has it
	for _, w := range free {
		args := slices.Clone(w.args)
		i := slices.Index(args, "-x264-params") + 1
		args[i] += fmt.Sprintf(":sps-id=%d", id)
		ways = append(ways, attempt{args, "second"})
	}
	return ways, nil
}

// h264Sets reads the parameter sets of a film's header.
func h264Sets(m *track) (avc.DecConfRec, *avc.SPS, error) {
	rec, err := avc.DecodeAVCDecConfRec(m.config("avcC"))
	if err == nil && len(rec.SPSnalus) == 0 {
		err = fmt.Errorf("there is no SPS in its header")
	}
	if err != nil {
		return rec, nil, fault.Userf("unsupported-base", m.name, "its avcC can't be used: "+err.Error(), "encode the whole film again")
	}
	sps, err := avc.ParseSPSNALUnit(rec.SPSnalus[0], true)
	if err != nil {
		return rec, nil, fault.Userf("unsupported-base", m.name, "its SPS can't be read: "+err.Error(), "encode the whole film again")
	}
	return rec, sps, nil
}

// pictureSet reads the first PPS of a film's header, or returns nil.
func pictureSet(rec avc.DecConfRec, sps *avc.SPS) *avc.PPS {
	if len(rec.PPSnalus) == 0 {
		return nil
	}
	pps, err := avc.ParsePPSNALUnit(rec.PPSnalus[0], map[uint32]*avc.SPS{sps.ParameterID: sps})
	if err != nil {
		return nil
	}
	return pps
}

// clock returns the options by which x264 writes down the film's unit of time, which it
// knows by the unit of the frames' times: a film of a variable rate has a finer one.
func (b *base) clock(sps *avc.SPS) []string {
	v := sps.VUI
	if v == nil || !v.TimingInfoPresentFlag || v.NumUnitsInTick == 0 || v.TimeScale%2 != 0 || v.FixedFrameRateFlag {
		return nil
	}
	return unitOfTime(b, uint64(v.NumUnitsInTick), uint64(v.TimeScale)/2)
}

// unitOfTime has the frames' times counted in another unit, of num/den seconds, unless a
// frame is not as long as that.
func unitOfTime(b *base, num, den uint64) []string {
	frame := b.film.Source.Video.Rate.Inv().Float()
	if unit := float64(num) / float64(den); unit > frame*1.0001 || unit > frame*0.9999 {
		return nil
	}
	return []string{"-enc_time_base", fmt.Sprintf("%d:%d", num, den)}
}

// freeID returns an id that no parameter set of the header has. x264 gives its SPS and
// its PPS the same one.
func freeID(rec avc.DecConfRec) (int, bool) {
	used := map[uint32]bool{}
	for _, n := range rec.SPSnalus {
		if s, err := avc.ParseSPSNALUnit(n, false); err == nil {
			used[s.ParameterID] = true
		}
	}
	for _, n := range rec.PPSnalus {
		if len(n) > 1 {
			used[leadingNumber(n[1:])] = true
		}
	}
	for id := range 32 {
		if id > 0 && !used[uint32(id)] {
			return id, true
		}
	}
	return 0, false
}

// leadingNumber reads the Exp-Golomb code at the beginning, such as the id of a PPS.
func leadingNumber(b []byte) uint32 {
	bit := func(i int) uint32 {
		if i/8 >= len(b) {
			return 0
		}
		return uint32(b[i/8]>>(7-i%8)) & 1
	}
	zeros := 0
	for zeros < 16 && bit(zeros) == 0 {
		zeros++
	}
	v := uint32(0)
	for i := zeros; i <= 2*zeros; i++ {
		v = v<<1 | bit(i)
	}
	return v - 1
}

func h264Fit(b *base, made *movie, a attempt) (joint, error) {
	if bytes.Equal(b.config("avcC"), made.config("avcC")) {
		return joint{}, nil
	}
	old, oldSPS, err := h264Sets(b.track)
	if err != nil {
		return joint{}, err
	}
	rec, sps, err := h264Sets(&made.track)
	if err != nil {
		return joint{}, err
	}
	if slices.EqualFunc(old.SPSnalus, rec.SPSnalus, bytes.Equal) && slices.EqualFunc(old.PPSnalus, rec.PPSnalus, bytes.Equal) {
		return joint{}, nil // the record ends otherwise: some writers leave out what repeats the SPS
	}
	if a.way != "second" {
		what := h264Fields(old, oldSPS, rec, sps)
		if len(what) == 0 {
			what = []string{"the avcC box differs: " + difference(b.config("avcC"), made.config("avcC"))}
		}
		return joint{}, differs(b, listed(what), h264Hint(what, pictureSet(old, oldSPS), a))
	}
	if what := unsafe(oldSPS, sps); what != "" {
		return joint{}, differs(b, what, otherHint)
	}
	old.SPSnalus, old.PPSnalus = append(slices.Clone(old.SPSnalus), rec.SPSnalus...), append(slices.Clone(old.PPSnalus), rec.PPSnalus...)
	var both bytes.Buffer
	if err := old.Encode(&both); err != nil {
		return joint{}, fmt.Errorf("write avcC: %w", err)
	}
	return joint{warning: lostFrame, described: &description{b.entry, "avcC", both.Bytes()}}, nil
}

// h264Fields names the fields of the first sets in which two headers differ.
func h264Fields(old avc.DecConfRec, oldSPS *avc.SPS, rec avc.DecConfRec, sps *avc.SPS) []string {
	what := differing("SPS", oldSPS, sps)
	switch a, b := pictureSet(old, oldSPS), pictureSet(rec, sps); {
	case len(old.SPSnalus) != 1 || len(old.PPSnalus) != 1:
		what = append(what, fmt.Sprintf("there are %d SPS and %d PPS", len(old.SPSnalus), len(old.PPSnalus)))
	case a != nil && b != nil:
		what = append(what, differing("PPS", a, b)...)
	}
	return what
}

// h264Hint says what to do about sets that differ in those fields.
func h264Hint(what []string, pps *avc.PPS, a attempt) string {
	const hint = "add --parameters second and look at the seams in the players that matter, or encode the range with the encoder that made the film"
	crf := slices.Index(a.args, "-crf") + 1
	if pps == nil || len(what) != 1 || !strings.HasPrefix(what[0], "PPS.PicInitQpMinus26") || crf == 0 {
		return hint
	}
	if told := strconv.Itoa(26 + pps.PicInitQpMinus26); pps.PicInitQpMinus26 > -26 && a.args[crf] != told {
		return "leave out --crf, so that the quality is the " + told + " that the film's PPS tells, or " + hint
	}
	return hint
}

// unsafe names what a decoder can't change between two sequences of one film, or what the
// new one must not ask more of than the film's.
func unsafe(old, made *avc.SPS) string {
	var a, b avc.SPS
	var va, vb avc.VUIParameters
	for _, p := range []struct {
		from *avc.SPS
		to   *avc.SPS
		vui  *avc.VUIParameters
	}{{old, &a, &va}, {made, &b, &vb}} {
		s := p.from
		*p.to = avc.SPS{
			Profile: s.Profile, ChromaFormatIDC: s.ChromaFormatIDC, BitDepthLumaMinus8: s.BitDepthLumaMinus8, BitDepthChromaMinus8: s.BitDepthChromaMinus8,
			FrameMbsOnlyFlag: s.FrameMbsOnlyFlag, Width: s.Width, Height: s.Height,
		}
		if v := s.VUI; v != nil {
			*p.vui = avc.VUIParameters{
				SampleAspectRatioWidth: v.SampleAspectRatioWidth, SampleAspectRatioHeight: v.SampleAspectRatioHeight,
				VideoFullRangeFlag: v.VideoFullRangeFlag, ColourPrimaries: v.ColourPrimaries, TransferCharacteristics: v.TransferCharacteristics,
				MatrixCoefficients: v.MatrixCoefficients, ChromaSampleLocTypeTopField: v.ChromaSampleLocTypeTopField,
			}
		}
		p.to.VUI = p.vui
	}
	what := told(&a, &b)
	switch {
	case what != "":
		return what
	case made.Level > old.Level:
		return fmt.Sprintf("the level is %d, above %d", made.Level, old.Level)
	case made.NumRefFrames > max(old.NumRefFrames, 1):
		return fmt.Sprintf("the SPS has %d reference frames, more than %d", made.NumRefFrames, old.NumRefFrames)
	case old.VUI != nil && made.VUI != nil && old.VUI.BitstreamRestrictionFlag && made.VUI.MaxNumReorderFrames > old.VUI.MaxNumReorderFrames:
		return fmt.Sprintf("the SPS reorders %d frames, more than %d", made.VUI.MaxNumReorderFrames, old.VUI.MaxNumReorderFrames)
	}
	return ""
}

// told says in which fields two SPS of the same type differ, or "".
func told[T any](old, made *T) string { return listed(differing("SPS", old, made)) }

// differing names the fields in which two parameter sets of the same type differ.
func differing[T any](name string, old, made *T) (what []string) {
	compareFields(reflect.ValueOf(old).Elem(), reflect.ValueOf(made).Elem(), name, &what)
	return what
}

// listed makes one text of what differs, and no long one.
func listed(what []string) string {
	const most = 8
	if len(what) > most {
		what = append(slices.Clone(what[:most]), fmt.Sprintf("%d more", len(what)-most))
	}
	return strings.Join(what, "; ")
}

func compareFields(a, b reflect.Value, name string, what *[]string) {
	switch {
	case a.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil():
		compareFields(a.Elem(), b.Elem(), name, what)
	case a.Kind() == reflect.Struct:
		for i := range a.NumField() {
			if field := a.Type().Field(i); field.IsExported() && !strings.HasPrefix(field.Name, "NrBytes") {
				compareFields(a.Field(i), b.Field(i), name+"."+field.Name, what)
			}
		}
	case !reflect.DeepEqual(a.Interface(), b.Interface()):
		*what = append(*what, fmt.Sprintf("%s is %s instead of %s", name, shown(b), shown(a)))
	}
}

func shown(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "absent"
		}
		return "there"
	}
	text := fmt.Sprintf("%v", v.Interface())
	if len(text) > 60 { // matrices
		text = text[:40] + "…"
	}
	return text
}
