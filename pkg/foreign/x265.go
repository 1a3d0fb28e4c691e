package foreign

import (
	"regexp"
	"slices"
	"strings"

	"github.com/Eyevinn/mp4ff/hevc"
)

var x265Options = regexp.MustCompile(`x265 \(build [^\x00]*? - options: ([ -~]+)`)

// x265Kept are the settings of x265 that may be asked for again; the others tell of the
// machine, of the pictures, or of what the new packets must not have.
var x265Kept = strings.Fields(`wpp ctu min-cu-size rect amp max-tu-size tu-inter-depth tu-intra-depth limit-tu rdoq-level
	dynamic-rd ssim-rd signhide tskip nr-intra nr-inter constrained-intra strong-intra-smoothing max-merge limit-refs
	limit-modes me subme merange temporal-mvp hme weightp weightb analyze-src-pics deblock sao sao-non-deblock rd
	selective-sao early-skip rskip fast-intra tskip-fast cu-lossless b-intra splitrd-skip rdpenalty psy-rd psy-rdoq
	rd-refine lossless cbqpoffs crqpoffs rc crf bitrate qp qcomp qpstep qpmin qpmax aq-mode aq-strength cutree ipratio
	pbratio vbv-maxrate vbv-bufsize ref bframes b-adapt b-pyramid bframe-bias rc-lookahead scenecut keyint min-keyint
	uhd-bd high-tier level-idc slices hdr10 hdr10-opt limit-sao aud hrd frame-dup`)

// x265Told returns the settings that x265 writes into its streams, as the value of
// -x265-params, or "" where there are none.
func x265Told(texts ...[]byte) string {
	for _, text := range texts {
		m := x265Options.FindSubmatch(text)
		if m == nil {
			continue
		}
		var params []string
		for word := range strings.FieldsSeq(string(m[1])) {
			name, value, ok := strings.Cut(word, "=")
			if !ok {
				value = "1"
			}
			if slices.Contains(x265Kept, strings.TrimPrefix(name, "no-")) && name != "rc" && !strings.Contains(value, ":") {
				params = append(params, name+"="+value)
			} else if name == "deblock" {
				params = append(params, name+"="+strings.ReplaceAll(value, ":", ","))
			}
		}
		return strings.Join(params, ":")
	}
	return ""
}

// x265Header are settings that x265 tells nowhere, for what a film's SPS tells of its signal
// and its matrices.
func x265Header(sps *hevc.SPS) (params []string) {
	if sps.ScalingListEnabledFlag && !sps.ScalingListDataPresentFlag {
		params = append(params, "scaling-list=default")
	}
	v := sps.VUI
	if v == nil {
		return params
	}
	if v.OverscanInfoPresentFlag {
		params = append(params, "overscan="+map[bool]string{true: "crop", false: "show"}[v.OverscanAppropriateFlag])
	}
	if names := strings.Fields("component pal ntsc secam mac"); v.VideoSignalTypePresentFlag && int(v.VideoFormat) < len(names) {
		params = append(params, "videoformat="+names[v.VideoFormat])
	}
	return params
}
