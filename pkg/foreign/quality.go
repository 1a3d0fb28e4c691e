package foreign

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
)

// dial is what an encoder takes for its quality and its preset.
type dial struct {
	// least and most bound the quality.
	least, most float64
	// presets are names, or whole numbers.
	presets []string
}

var speeds = strings.Fields("ultrafast superfast veryfast faster fast medium slow slower veryslow placebo")

// dials are those of the codecs for which a user can choose; the others have none.
var dials = map[string]dial{
	"h264":       {0, 51, speeds},
	"hevc":       {0, 51, speeds},
	"av1":        {0, 63, counted(-2, 13)},
	"vp9":        {0, 63, counted(-8, 8)},
	"mpeg2video": {1, 31, nil},
}

// check refuses a quality or a preset that the codec's encoder doesn't have.
func (o Options) check(codec string) error {
	d, known := dials[codec]
	if !known {
		return nil
	}
	if v, err := strconv.ParseFloat(o.CRF, 64); o.CRF != "" && (err != nil || !(v >= d.least && v <= d.most)) {
		return fault.Userf("usage", "--crf "+o.CRF, "there is no such quality of "+codec, fmt.Sprintf("give a number from %g to %g, or leave it out", d.least, d.most))
	}
	if o.Preset != "" && d.presets != nil && !slices.Contains(d.presets, o.Preset) {
		return fault.Userf("usage", "--preset "+o.Preset, "there is no such preset of "+codec, "give one of "+strings.Join(d.presets, ", ")+", or leave it out")
	}
	return nil
}

func counted(least, most int) (names []string) {
	for n := least; n <= most; n++ {
		names = append(names, strconv.Itoa(n))
	}
	return names
}
