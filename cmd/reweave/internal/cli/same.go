package cli

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
)

// packets is the depth at which nothing but packets is compared.
const packets = "packets"

// sameFlags say what is the same in two films.
type sameFlags struct{ same, tolerance string }

func (o *sameFlags) register(f *pflag.FlagSet) {
	f.StringVar(&o.same, "same", "", "what is the same: packets; pixels, which decodes what has other packets; eye, with --tolerance; or auto, which is pixels where no packets are the same (default: auto; packets for a pipe or with --range)")
	f.StringVar(&o.tolerance, "tolerance", "", "how near every frame comes that is the same to the eye: a PSNR such as 42dB, or an SSIM such as 0.98")
}

// spec returns what the job is to look for in the deliverable with the digest base; nil
// where packets are enough. byHand says that the user told what changed, or that the
// source can't be read twice.
func (o sameFlags) spec(base string, byHand string) (*job.Same, error) {
	usage := func(what, do string) (*job.Same, error) { return nil, fault.Userf("usage", "patch", what, do) }
	depth := o.same
	switch {
	case byHand != "" && depth != "" && depth != packets:
		return usage("--same "+depth+" finds nothing here: "+byHand, "leave it out")
	case byHand != "":
		depth = packets
	case depth == "":
		depth = string(job.Auto)
	}
	if depth == packets && o.tolerance == "" {
		return nil, nil
	}
	return o.at(depth, base, "--same", packets, string(job.Auto))
}

// verification returns what is to be the same of what lists take for the same; nil where
// nothing is compared.
func (o sameFlags) verification(depth, base string) (*job.Same, error) {
	if depth == "" && o.tolerance == "" {
		return nil, nil
	}
	return o.at(depth, base, "--verify")
}

// at returns a comparison at a depth that a flag names: one of others, pixels, or eye.
func (o sameFlags) at(depth, base, flag string, others ...string) (*job.Same, error) {
	s := &job.Same{Base: base, Depth: job.Depth(depth)}
	all := append(others, string(job.Pixels), string(job.Eye))
	switch {
	case depth != "" && !slices.Contains(all, depth):
		return nil, fault.Userf("usage", flag+" "+depth, "there is no such depth", "use "+strings.Join(all, ", "))
	case (s.Depth == job.Eye) != (o.tolerance != ""):
		return nil, fault.Userf("usage", "patch", flag+" eye and --tolerance need each other", "give both, such as "+flag+" eye --tolerance 42dB")
	case s.Depth == job.Eye:
		return s, o.nearness(s)
	}
	return s, nil
}

// nearness reads the tolerance: what is above 1 is a PSNR, in dB.
func (o sameFlags) nearness(s *job.Same) error {
	text, inDB := strings.CutSuffix(strings.ToLower(o.tolerance), "db")
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	switch {
	case err != nil || v <= 0 || v > 100:
		return fault.Userf("usage", "--tolerance "+o.tolerance, "it is neither a PSNR nor an SSIM", "give 42dB, or 0.98")
	case inDB || v > 1:
		s.PSNR = v
	default:
		s.SSIM = v
	}
	return nil
}
