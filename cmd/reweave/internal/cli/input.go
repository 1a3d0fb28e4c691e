package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mattn/go-isatty"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
)

// input is what a user named as the source. One of its three forms is set.
type input struct {
	// name is what reports call it.
	name string
	// path is the absolute path of a regular file, and info tells of it.
	path string
	info fs.FileInfo
	// pipe is read once, from its beginning to its end.
	pipe io.Reader
	// url is one that whoever encodes reads for itself.
	url string
}

// openInput finds out what arg names, and that it can be read; nothing is read yet.
func openInput(arg string, stdin io.Reader) (input, error) {
	if arg == "-" {
		return stdinInput(stdin)
	}
	if kind := job.KindOf(arg); kind != job.LocalPath && looksLikeURL(arg) {
		return urlInput(arg, kind)
	}
	return fileInput(arg)
}

func stdinInput(stdin io.Reader) (input, error) {
	if f, ok := stdin.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return input{}, fault.Userf("bad-input", "-", "stdin is a terminal", "pipe a video into it, or name a file")
	}
	return input{name: "stdin", pipe: stdin}, nil
}

// looksLikeURL tells a URL, or an upload, from a file whose name has a colon in it.
func looksLikeURL(arg string) bool {
	_, err := os.Lstat(arg)
	return err != nil
}

func urlInput(arg string, kind job.SourceKind) (input, error) {
	switch kind {
	case job.S3, job.HTTPS, job.Upload:
		return input{name: job.ShownSource(arg), url: arg}, nil
	case job.PlainHTTP:
		return input{}, fault.Userf("bad-input", job.ShownSource(arg), "plain http is not read", "use https://, or download it first")
	}
	return fileInput(arg)
}

func fileInput(arg string) (input, error) {
	bad := func(title, hint string) (input, error) {
		return input{}, fault.Userf("bad-input", job.ShownSource(arg), title, hint)
	}
	if arg == "" {
		return bad("INPUT is empty", "name a file, a URL, or - for stdin")
	}
	f, err := os.Open(arg)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return bad("there is no such file", "")
	case errors.Is(err, fs.ErrPermission):
		return bad("the file can't be read: permission denied", "")
	case err != nil:
		return bad("the file can't be opened: "+cause(err), "")
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		_ = f.Close()
		return bad("the file can't be looked at: "+cause(err), "")
	case info.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice|fs.ModeSocket) != 0:
		return input{name: filepath.Base(arg), info: info, pipe: f}, nil
	}
	_ = f.Close() // it was opened only to see that it can be
	switch {
	case info.IsDir():
		return bad("is a directory, not a video", "")
	case info.Size() == 0:
		return bad("the file is empty", "")
	}
	path, err := filepath.Abs(arg)
	if err != nil {
		return bad(cause(err), "")
	}
	return input{name: filepath.Base(arg), path: path, info: info}, nil
}

// close gives back what openInput opened.
func (in input) close() {
	if f, ok := in.pipe.(*os.File); ok && f != os.Stdin {
		_ = f.Close() // it was only read
	}
}

// cause is the system's word for an error, without the path around it.
func cause(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}
