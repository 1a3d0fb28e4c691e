package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/cmd/reweave/internal/deliverable"
	"github.com/reweave/reweave/cmd/reweave/internal/progress"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
)

// encodeFlags are the flags of encode.
type encodeFlags struct {
	settings
	output, data, server        string
	workers                     int
	force, json, quiet, verbose bool
}

func (a *app) encodeCommand() *cobra.Command {
	var o encodeFlags
	c := &cobra.Command{
		Use:   "encode INPUT -o OUTPUT",
		Short: "Encode a video and put the deliverable at OUTPUT",
		Long: `Encodes INPUT, a file, an s3:// or https:// URL, or - for stdin, and puts the
deliverable at OUTPUT, whose extension names the container: mp4, mov, mkv, or ivf for AV1.

It runs on this machine, and keeps the encoded chunks in --data: the same command run
again, also after a crash, encodes only what is missing. With --server, or REWEAVE_SERVER,
the server does the work; a local file is uploaded and the deliverable fetched.`,
		Example: `  reweave encode clip.mov -o clip.mp4 --codec libx265 --preset slow --crf 20
  vspipe --y4m x.vpy - | reweave encode - -o x.ivf --codec librav1e --qp 100`,
		Args: takes("INPUT"),
		RunE: a.does(func(ctx context.Context, c *cobra.Command, args []string) error {
			return a.encode(ctx, c, args[0], &o)
		}),
	}
	o.register(c)
	o.registerPlace(c, a.server)
	return c
}

// registerPlace registers the flags that say where the work is done and where its result
// goes.
func (o *encodeFlags) registerPlace(c *cobra.Command, server string) {
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "", "where to put the deliverable")
	f.BoolVarP(&o.force, "force", "y", false, "replace OUTPUT if it exists")
	f.IntVar(&o.workers, "workers", 0, "how many chunks are encoded at once (default: one per core)")
	f.StringVar(&o.data, "data", "", "directory for the chunks (default $XDG_DATA_HOME/reweave)")
	f.StringVar(&o.server, "server", server, "URL of a server that does the work")
	f.BoolVar(&o.json, "json", false, "print the result as one JSON object")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print nothing but errors")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show what the services log")
}

// encoding is one run of encode, or of patch.
type encoding struct {
	*app
	flags  *encodeFlags
	begun  time.Time
	spec   job.Spec
	input  input
	target deliverable.Target
	show   progress.Reporter
	// job is what was last heard of it.
	job job.Job
	// sharesFiles says that whoever does the work reads this machine's files.
	sharesFiles bool
	// keep are files that OUTPUT must not be. shape completes the Spec once a server can be
	// asked; prove is called with what is to be OUTPUT, and done when it is in its place.
	// The three may be nil.
	keep []fs.FileInfo
	// planned, which may be nil too, is called once the job has a plan, and returns at once.
	shape   func(context.Context, *client.Client) error
	planned func(context.Context, *client.Client)
	prove   func(ctx context.Context, cl *client.Client, path string) error
	done    func() error
	// codecs guesses, with shape, which encoders the job will want, by what lies in a data
	// directory; none for any.
	codecs func(dir string) []string
}

func (a *app) encode(ctx context.Context, c *cobra.Command, arg string, o *encodeFlags) error {
	e := &encoding{app: a, flags: o, begun: time.Now(), show: a.reporter(o.quiet || o.json, o.verbose)}
	return e.run(ctx, c, arg, func() error {
		switch r := e.result(e.target.Path); {
		case o.json:
			return r.print(a.stdout)
		case o.quiet:
			return nil
		default:
			return a.printf("%s", r.report())
		}
	})
}

// run does the work, and calls tell when it is done.
func (e *encoding) run(ctx context.Context, c *cobra.Command, arg string, tell func() error) error {
	o := e.flags
	defer e.show.Close()
	if o.json {
		e.failed = func(err error) { _ = e.result("").failed(err).print(e.stdout) }
	}
	if err := e.prepare(c, arg); err != nil {
		return err
	}
	defer e.input.close()
	var err error
	if o.server != "" {
		err = e.onServer(ctx, o.server, false)
	} else {
		err = e.onThisMachine(ctx)
	}
	e.show.Close()
	switch {
	case err != nil && ctx.Err() != nil && fault.Of(err) != fault.User:
		return errInterrupted
	case err != nil:
		return err
	}
	return tell()
}

// prepare finds every mistake that can be found before anything starts.
func (e *encoding) prepare(c *cobra.Command, arg string) (err error) {
	if err := e.checkPlace(c); err != nil {
		return err
	}
	if e.input, err = openInput(arg, e.stdin); err != nil {
		return err
	}
	if err := e.check(append(e.keep, e.input.info)...); err != nil {
		return err
	}
	e.spec = e.flags.wanted(c.Flags())
	e.spec.Container, e.spec.Name = e.target.Container, e.input.name
	if e.shape != nil {
		return e.target.Sweep()
	}
	if err := check(e.spec, nil, encodeFlagOf); err != nil {
		return err
	}
	return e.target.Sweep()
}

// check finds the place for OUTPUT, which must be none of some files.
func (e *encoding) check(not ...fs.FileInfo) (err error) {
	for _, info := range not {
		if e.target, err = deliverable.Check(e.flags.output, e.flags.force, info); err != nil {
			return err
		}
	}
	return nil
}

// encodeFlagOf is flagOf for encode, where OUTPUT's extension names the container.
func encodeFlagOf(field string) string {
	if field == "container" {
		return "--output"
	}
	return flagOf(field)
}

// checkPlace refuses flags that mean nothing where the work is done.
func (e *encoding) checkPlace(c *cobra.Command) error {
	o := e.flags
	if o.output == "" {
		return fault.Userf("usage", c.Name(), "there is no OUTPUT", "name it: -o OUTPUT")
	}
	if o.workers < 0 {
		return fault.Userf("usage", "--workers", "a number of workers can't be negative", "leave it out for one per core")
	}
	if o.server == "" {
		return nil
	}
	for _, name := range []string{"workers", "data"} {
		if c.Flags().Changed(name) {
			return fault.Userf("usage", "--"+name, "it has no meaning on the server "+o.server, `leave it out, or add --server "" to encode here`)
		}
	}
	return nil
}

// result tells of the run as it stands.
func (e *encoding) result(output string) result {
	return resultOf(e.job, output, time.Since(e.begun))
}

// finish submits the job, follows it to its end, and puts the deliverable in place.
func (e *encoding) finish(ctx context.Context, cl *client.Client, source string) error {
	e.spec.Source = source
	var err error
	if e.shape != nil {
		if err := e.shape(ctx, cl); err != nil {
			return err
		}
	}
	if e.job, err = submit(ctx, cl, e.spec, ""); err != nil {
		return err
	}
	e.show.Job(e.job)
	if err := e.follow(ctx, cl); err != nil {
		return err
	}
	var prove func(string) error
	if e.prove != nil {
		prove = func(path string) error { return e.prove(ctx, cl, path) }
	}
	if err := fetch(ctx, cl, e.job, e.target, e.show, prove); err != nil || e.done == nil {
		return err
	}
	return e.done()
}

// follow shows the job's progress until it is done.
func (e *encoding) follow(ctx context.Context, cl *client.Client) error {
	planned := e.planned
	j, err := cl.Watch(ctx, e.job.ID, func(j job.Job) {
		e.job = j
		e.show.Job(j)
		if planned != nil && j.Plan != "" {
			planned(ctx, cl)
			planned = nil
		}
	}, e.show.Progress)
	if err != nil {
		return err
	}
	e.job = j
	return outcome(j)
}

// outcome returns nil for a job that is done, and else why it isn't.
func outcome(j job.Job) error {
	switch {
	case j.State == job.Done:
		return nil
	case j.Error != nil:
		return problem{*j.Error}
	}
	return &fault.Error{Class: fault.Permanent, Type: "job-" + string(j.State), Where: "job " + j.ID, Title: "it was " + string(j.State)}
}

// dataDir is where the embedded servers keep their data.
func dataDir(flag string) (string, error) {
	if flag != "" {
		dir, err := filepath.Abs(flag)
		if err != nil {
			return "", fault.Userf("bad-data-dir", flag, "the path can't be used: "+err.Error(), "")
		}
		return dir, checkDataDir(dir)
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) { // relative ones are to be ignored (XDG 0.8)
		return filepath.Join(dir, "reweave"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fault.Userf("bad-data-dir", "", "there is no home directory to keep the chunks in", "name a directory: --data DIR")
	}
	return filepath.Join(home, ".local", "share", "reweave"), nil
}

func checkDataDir(dir string) error {
	at, err := os.Stat(dir)
	if err == nil && !at.IsDir() {
		return fault.Userf("bad-data-dir", dir, "is not a directory", "name another one: --data DIR")
	}
	if err != nil && !os.IsNotExist(err) {
		return fault.Userf("bad-data-dir", dir, fmt.Sprintf("can't be reached: %s", cause(err)), "")
	}
	return nil
}
