package ffmpeg

import (
	"fmt"
	"strconv"

	"github.com/reweave/reweave/pkg/media"
)

// sideData is one entry of ffprobe's side_data_list.
type sideData struct {
	Type     string      `json:"side_data_type"`
	Rotation float64     `json:"rotation"`
	RedX     rationalStr `json:"red_x"`
	RedY     rationalStr `json:"red_y"`
	GreenX   rationalStr `json:"green_x"`
	GreenY   rationalStr `json:"green_y"`
	BlueX    rationalStr `json:"blue_x"`
	BlueY    rationalStr `json:"blue_y"`
	WhiteX   rationalStr `json:"white_point_x"`
	WhiteY   rationalStr `json:"white_point_y"`
	MinLum   rationalStr `json:"min_luminance"`
	MaxLum   rationalStr `json:"max_luminance"`
	MaxCLL   int         `json:"max_content"`
	MaxFALL  int         `json:"max_average"`
}

// rationalStr is a fraction as ffprobe prints it in side data: "34000/50000".
type rationalStr string

// in returns the fraction in units of 1/scale, as the SEI messages count.
func (r rationalStr) in(scale int64) int64 {
	v, err := media.ParseRational(string(r))
	if err != nil || v.Den == 0 {
		return 0
	}
	return media.Rational{Num: v.Num, Den: v.Den}.Rescale(1, media.Rational{Num: 1, Den: scale})
}

// apply puts what the entry tells into v.
func (d sideData) apply(v *media.VideoStream) {
	switch d.Type {
	case "Display Matrix":
		v.Rotation = ((int(-d.Rotation) % 360) + 360) % 360
	case "Mastering display metadata":
		const chroma, lum = 50000, 10000 // units of ITU-T H.265, D.3.28
		v.Picture.Mastering = fmt.Sprintf("G(%d,%d)B(%d,%d)R(%d,%d)WP(%d,%d)L(%d,%d)",
			d.GreenX.in(chroma), d.GreenY.in(chroma), d.BlueX.in(chroma), d.BlueY.in(chroma),
			d.RedX.in(chroma), d.RedY.in(chroma), d.WhiteX.in(chroma), d.WhiteY.in(chroma),
			d.MaxLum.in(lum), d.MinLum.in(lum))
	case "Content light level metadata":
		v.Picture.Light = strconv.Itoa(d.MaxCLL) + "," + strconv.Itoa(d.MaxFALL)
	}
}
