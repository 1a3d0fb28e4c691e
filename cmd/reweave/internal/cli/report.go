package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/patch"
)

// heard tells whose sound the patched film has.
func (p *patching) heard() string {
	if p.manifest.Spec.Audio == "none" || len(p.manifest.Plan.Audio) == 0 {
		return "there is none."
	}
	switch {
	case p.audio == keepSound:
		return "it is BASE's, packet by packet; nothing of NEW's is heard."
	case p.audio == patchSound:
		return "in the ranges it is that of the fixes, with a fade of 5 ms at each end; each track was encoded anew."
	case len(p.fixes) > 0:
		return "it is that of NEW throughout: the fixes' is not heard."
	}
	return "it is that of NEW."
}

// cost tells what the patch took until now.
func (p *patching) cost() *patch.Cost {
	r := p.result(p.target.Path)
	return &patch.Cost{
		Total: r.Chunks.Total, Encoded: r.Chunks.Encoded, Reused: r.Chunks.Reused,
		EncodeSeconds: r.EncodeSeconds, WallSeconds: r.WallSeconds,
	}
}

// writeReports puts a patch's report and its page beside the deliverable.
func (p *patching) writeReports() error {
	if err := writeReport(p.report, p.target.Path); err != nil {
		return err
	}
	return writePage(p.target.Path+pageSuffix, p.page)
}

// writeReport puts a report beside the deliverable out.
func writeReport(report any, out string) error {
	b, err := json.MarshalIndent(report, "", "  ")
	if err == nil {
		err = writeBeside(out+reportSuffix, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// pageOf makes a page of a report, with pictures from the two films. look is what a person
// must look at besides.
func pageOf(ctx context.Context, tool *ffmpeg.Tool, r *patch.Report, base, out string, look ...string) ([]byte, error) {
	pairs, err := patch.Pictures(ctx, tool, r, base, out)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = r.WritePage(&b, pairs, look...)
	return b.Bytes(), err
}

func writePage(path string, page []byte) error {
	if err := writeBeside(path, page); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

func writeBeside(path string, b []byte) error {
	return os.WriteFile(path, b, 0o644) //nolint:gosec // it is as public as the deliverable
}

// notOver refuses to write a page over one of the files that it is about.
func notOver(page string, files ...string) error {
	at, err := os.Stat(page)
	if page == "" || err != nil {
		return nil //nolint:nilerr // there is nothing to be written over
	}
	for _, name := range files {
		if file, err := os.Stat(name); err == nil && os.SameFile(at, file) {
			return fault.Userf("usage", "verify", "--html names a file that is verified, "+name, "name another file")
		}
	}
	return nil
}
