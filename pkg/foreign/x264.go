package foreign

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/Eyevinn/mp4ff/avc"
)

var x264Options = regexp.MustCompile(`x264 - core [^\x00]*? - options: ([ -~]+)`)

// x264Told returns the settings that x264 writes into the first packet of its streams, in
// an SEI (ITU-T H.264, D.2.7).
func x264Told(packet []byte) map[string]string {
	for _, n := range nals(packet) {
		if n[0]&31 != 6 {
			continue
		}
		m := x264Options.FindSubmatch(bytes.ReplaceAll(n, []byte{0, 0, 3}, []byte{0, 0}))
		if m == nil {
			continue
		}
		told := map[string]string{}
		for pair := range strings.FieldsSeq(string(m[1])) {
			name, value, _ := strings.Cut(pair, "=")
			told[name] = value
		}
		return told
	}
	return nil
}

// x264Plain are the settings that x264 reads under the name that it writes.
var x264Plain = strings.Fields(`cabac ref me subme psy mixed_ref chroma_me trellis 8x8dct fast_pskip nr decimate
	bluray_compat constrained_intra bframes b_pyramid b_adapt b_bias direct weightb weightp keyint keyint_min scenecut
	rc_lookahead mbtree crf bitrate ratetol qp qcomp qpmin qpmax qpstep cplxblur qblur vbv_maxrate vbv_bufsize crf_max
	nal_hrd filler ip_ratio pb_ratio stitchable slices`)

// x264Renamed are those that it reads under another one.
var x264Renamed = map[string]string{"me_range": "merange", "keyint_min": "min-keyint", "ip_ratio": "ipratio", "pb_ratio": "pbratio"}

// x264Params makes of told settings the value of -x264-params that gives them again, or
// "" where that can't be: x264 tells its settings in another form than it reads them.
func x264Params(told map[string]string) string {
	if told["cqm"] == "2" || told["intra_refresh"] == "1" {
		return "" // matrices of its own, which it doesn't tell; no IDR pictures
	}
	var params []string
	add := func(name, value string) { params = append(params, strings.ReplaceAll(name, "_", "-")+"="+value) }
	for _, name := range x264Plain {
		if v, ok := told[name]; ok {
			if other := x264Renamed[name]; other != "" {
				name = other
			}
			add(name, v)
		}
	}
	if v, ok := told["me_range"]; ok {
		add("merange", v)
	}
	if told["cqm"] == "1" {
		add("cqm", "jvt")
	}
	if on, rest, _ := strings.Cut(told["deblock"], ":"); on == "0" {
		add("no-deblock", "1")
	} else if rest != "" {
		add("deblock", strings.ReplaceAll(rest, ":", ","))
	}
	if v := strings.ReplaceAll(told["psy_rd"], ":", ","); v != "" {
		add("psy-rd", v)
	}
	if mode, strength, ok := strings.Cut(told["aq"], ":"); ok {
		add("aq-mode", mode)
		add("aq-strength", strength)
	} else if told["aq"] == "0" {
		add("aq-mode", "0")
	}
	if inter, intra, ok := strings.Cut(told["deadzone"], ","); ok {
		add("deadzone-inter", inter)
		add("deadzone-intra", intra)
	}
	switch told["interlaced"] {
	case "tff", "bff":
		add(told["interlaced"], "1")
	}
	if told["sliced_threads"] == "1" {
		add("sliced-threads", "1")
	}
	add("partitions", partitions(told["analyse"]))
	add("chroma-qp-offset", strconv.Itoa(chromaOffset(told)))
	add("open-gop", "0")
	return strings.Join(params, ":")
}

// partitions names what the two masks of analyse= allow (X264_ANALYSE_*).
func partitions(analyse string) string {
	_, inter, _ := strings.Cut(analyse, ":")
	mask, err := strconv.ParseUint(inter, 0, 32)
	if err != nil || mask == 0 {
		return "none"
	}
	var names []string
	for _, p := range []struct {
		bit  uint64
		name string
	}{{1, "i4x4"}, {2, "i8x8"}, {0x10, "p8x8"}, {0x20, "p4x4"}, {0x100, "b8x8"}} {
		if mask&p.bit != 0 {
			names = append(names, p.name)
		}
	}
	return strings.Join(names, ",")
}

// chromaOffset takes back what x264 adds for its psychovisual optimizations before it
// tells the offset.
func chromaOffset(told map[string]string) int {
	offset, _ := strconv.Atoi(told["chroma_qp_offset"])
	rd, trellis, _ := strings.Cut(told["psy_rd"], ":")
	subme, _ := strconv.Atoi(told["subme"])
	for _, p := range []struct {
		strength string
		on       bool
	}{{rd, subme >= 6}, {trellis, told["trellis"] != "0" && told["trellis"] != ""}} {
		v, _ := strconv.ParseFloat(p.strength, 64)
		if told["psy"] != "1" || !p.on || v < 1.0/512 {
			continue
		}
		offset++
		if v >= 0.25 {
			offset++
		}
	}
	return offset
}

// x264Fitting are settings for a film that tells none: its profile, level, order of
// fields and reordering, and what its picture parameter set tells, at a quality that hardly
// loses.
func x264Fitting(b *base, o Options, sps *avc.SPS, pps *avc.PPS) []string {
	params := []string{"open-gop=0", fmt.Sprintf("level=%d", sps.Level), fmt.Sprintf("ref=%d", max(1, sps.NumRefFrames))}
	crf := "16"
	if pps != nil {
		params[2] = fmt.Sprintf("ref=%d", pps.NumRefIdxI0DefaultActiveMinus1+1)
		params = append(params, pictureParams(pps)...)
		// x264 begins with the quality that it was asked for. Of a film that was made by
		// another encoder it says nothing, so that what would be poor is not believed.
		if qp := 26 + pps.PicInitQpMinus26; qp > 0 && qp < 26 {
			crf = strconv.Itoa(qp)
		}
	}
	params = append(params, b.grouping("b-pyramid=none")...)
	switch b.film.Source.Video.Picture.FieldOrder {
	case "tt", "tb":
		params = append(params, "tff=1")
	case "bb", "bt":
		params = append(params, "bff=1")
	}
	args := []string{"-c:v", "libx264", "-preset", or(o.Preset, "medium"), "-crf", or(o.CRF, crf), "-x264-params", strings.Join(params, ":")}
	if name := map[uint32]string{66: "baseline", 77: "main", 100: "high", 110: "high10", 122: "high422", 244: "high444"}[uint32(sps.Profile)]; name != "" {
		args = append(args, "-profile:v", name)
	}
	return args
}

// pictureParams are the settings that x264 writes into the PPS.
func pictureParams(pps *avc.PPS) []string {
	flag := func(name string, on bool) string {
		if on {
			return name + "=1"
		}
		return name + "=0"
	}
	// With these settings x264 takes 2 off the offset of chroma for its psychovisual
	// optimizations.
	return []string{
		flag("cabac", pps.EntropyCodingModeFlag), flag("weightp", pps.WeightedPredFlag), flag("weightb", pps.WeightedBipredIDC > 0),
		flag("8x8dct", pps.Transform8x8ModeFlag), flag("constrained-intra", pps.ConstrainedIntraPredFlag),
		"subme=7", "psy-rd=1.0,0", fmt.Sprintf("chroma-qp-offset=%d", pps.ChromaQpIndexOffset+2),
	}
}

func or(v, otherwise string) string {
	if v == "" {
		return otherwise
	}
	return v
}

// intra reports whether every picture can be decoded by itself.
func (b *base) intra() bool {
	for _, s := range b.samples {
		if !s.sync {
			return false
		}
	}
	return true
}

// reordering is the greatest number of pictures that are decoded before one and shown
// behind it.
func reordering(samples []sample) int {
	most := 0
	for i, s := range samples {
		n := 0
		for _, o := range samples[max(0, i-32):i] {
			if o.pts > s.pts {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}
