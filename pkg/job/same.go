package job

import (
	"fmt"
	"regexp"
)

// Same has a job look for what its source shares with a deliverable that was made here,
// deeper than by the source's packets, which are always compared. Beside [Keep] it verifies
// what is kept.
type Same struct {
	// Base is the SHA-256 of that deliverable, in hexadecimal.
	Base string `json:"base" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of a deliverable that was made here, in lower-case hexadecimal"`
	// Depth says what is the same; "" means Auto.
	Depth Depth `json:"depth,omitempty" enum:"auto,pixels,eye" default:"auto" doc:"pixels: frames that decode to the same; eye: frames that come near to the deliverable's; auto: pixels, if no packets of the source are the same"`
	// PSNR and SSIM are the least nearness of every frame at the depth Eye, the one in dB
	// over all planes, the other from 0 to 1; 0 for what does not count.
	PSNR float64 `json:"psnr,omitempty" minimum:"0" maximum:"100" doc:"at the depth eye: the least PSNR of every frame, in dB"`
	SSIM float64 `json:"ssim,omitempty" minimum:"0" maximum:"1" doc:"at the depth eye: the least SSIM of every frame"`
}

// Depth is how deep two films are compared.
type Depth string

// The depths below the packets: frames that decode to the same pixels, and frames that are
// the same to the eye. Auto is Pixels for a source of which no packets are the same: where
// some are, the others were made anew, and segments end where they always do.
const (
	Auto   Depth = "auto"
	Pixels Depth = "pixels"
	Eye    Depth = "eye"
)

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (s Spec) checkSame(is *Issues) {
	if s.Same == nil {
		return
	}
	bad := func(field, title, hint string) { is.add("bad-same", "same"+field, title, hint) }
	switch d := s.Same; {
	case !digestForm.MatchString(d.Base):
		bad(".base", fmt.Sprintf("%q is no SHA-256", d.Base), "give the 64 hexadecimal digits of the deliverable's digest")
	case d.Depth != Auto && d.Depth != Pixels && d.Depth != Eye && d.Depth != "":
		bad(".depth", fmt.Sprintf("there is no depth %q", d.Depth), "use auto, pixels or eye")
	case d.Depth == Eye && d.PSNR == 0 && d.SSIM == 0:
		bad("", "nothing says how near is the same", "give a PSNR in dB, such as 42, or an SSIM, such as 0.98")
	case d.Depth != Eye && (d.PSNR != 0 || d.SSIM != 0):
		bad("", "a tolerance is for the depth eye: pixels are the same or not", "leave it out, or compare to the eye")
	case d.PSNR < 0 || d.PSNR > 100 || d.SSIM < 0 || d.SSIM > 1:
		bad("", fmt.Sprintf("a PSNR of %g dB and an SSIM of %g can't be reached", d.PSNR, d.SSIM), "use 0 to 100 dB, and 0 to 1")
	case len(s.Edits) > 0:
		bad("", "edits say by hand what changed, and nothing is to be found", "leave edits or same out")
	case KindOf(s.Source) == Stdin:
		bad("", "the source is read twice, which standard input can't be", "write it into a file first")
	}
}
