package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

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

// writeBeside writes a file that tells of a deliverable, as a whole or not at all.
func writeBeside(path string, b []byte) (err error) {
	defer func() {
		if err != nil {
			err = &fault.Error{
				Class: fault.Permanent, Type: "output-not-written", Where: path, Title: "it can't be written: " + cause(err),
				Hint: "make room there; the deliverable is in its place, and reweave verify --html writes the page again",
			}
		}
	}()
	f, err := os.OpenFile(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".reweave-"+rand.Text()[:10]), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // it is as public as the deliverable
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // what was renamed is gone
	_, err = f.Write(b)
	if err = cmp.Or(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
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
