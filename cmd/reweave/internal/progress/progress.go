// Package progress shows how far a job is: as bars on a terminal, as plain lines
// anywhere else, or not at all.
package progress

import (
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/reweave/reweave/pkg/job"
)

// Reporter is told what happens and shows it. It is safe for concurrent use, and
// nothing is shown after Close.
type Reporter interface {
	// Note shows a line that concerns the user now, such as what is waited for.
	Note(line string)
	// Transfer shows that done of total bytes moved; what names the transfer, such
	// as "uploading a.mov". A transfer ends when all its bytes have moved.
	Transfer(what string, done, total int64)
	// Job shows a job's new state.
	Job(j job.Job)
	// Progress shows how far a job, or one of its tasks, is.
	Progress(p job.Progress)
	// Close removes what moves on the screen.
	Close()
}

// New returns the reporter that suits w: bars when it is a terminal, else lines.
func New(w io.Writer) Reporter {
	if f, ok := w.(*os.File); ok && isatty.IsTerminal(f.Fd()) && os.Getenv("TERM") != "dumb" {
		return newBars(w, time.Now)
	}
	return NewPlain(w, time.Now)
}

// Quiet returns a reporter that shows nothing.
func Quiet() Reporter { return quiet{} }

type quiet struct{}

func (quiet) Note(string)                   {}
func (quiet) Transfer(string, int64, int64) {}
func (quiet) Job(job.Job)                   {}
func (quiet) Progress(job.Progress)         {}
func (quiet) Close()                        {}
