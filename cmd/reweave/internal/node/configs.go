package node

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/services/api"
	"github.com/reweave/reweave/services/encoder"
	"github.com/reweave/reweave/services/muxer"
	"github.com/reweave/reweave/services/splitter"
)

// Configs are the configurations of all that a node can run.
type Configs struct {
	boot.Base
	API      api.Config
	Splitter splitter.Config
	Encoder  encoder.Config
	Muxer    muxer.Config
}

// LoadConfigs reads the configurations from the environment, with their defaults.
// Its error tells all that is wrong, in one line.
func LoadConfigs() (Configs, error) {
	var c Configs
	errs := make([]error, 4)
	c.Base, c.API, errs[0] = boot.Load[api.Config]("api")
	_, c.Splitter, errs[1] = boot.Load[splitter.Config]("splitter")
	_, c.Encoder, errs[2] = boot.Load[encoder.Config]("encoder")
	_, c.Muxer, errs[3] = boot.Load[muxer.Config]("muxer")
	if err := errors.Join(errs...); err != nil {
		return c, fault.Userf("invalid-setting", "environment", oneLine(err), "see docs/configuration.md")
	}
	return c, nil
}

// oneLine joins the lines of err, each once: what is wrong with the settings that
// all services share was found four times.
func oneLine(err error) string {
	var lines []string
	for l := range strings.SplitSeq(err.Error(), "\n") {
		if !slices.Contains(lines, l) {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "; ")
}

// Markdown returns the page that documents every variable of the environment.
func Markdown() string {
	var b strings.Builder
	b.WriteString(head)
	for _, s := range []struct {
		title, prefix string
		cfg           any
	}{
		{"All services", boot.Prefix, boot.Base{}},
		{"api", boot.Prefix + "_API", api.Config{}},
		{"splitter", boot.Prefix + "_SPLITTER", splitter.Config{}},
		{"encoder", boot.Prefix + "_ENCODER", encoder.Config{}},
		{"muxer", boot.Prefix + "_MUXER", muxer.Config{}},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n", s.title)
		table(&b, boot.Describe(s.prefix, s.cfg))
	}
	b.WriteString(tail)
	return b.String()
}

const head = `# Configuration

<!-- Made by "reweave config --markdown" from the configuration structs. Don't edit. -->

Services are configured by environment variables alone. A name under ` + "`REWEAVE_`" + ` that no
service knows is an error at start, and so is a value of the wrong kind; all that is wrong
is told at once. A variable marked *secret* may also be given by a file: set the same name
with ` + "`_FILE`" + ` behind it to the file's path.
`

const tail = `
## The command line

| variable | default | meaning |
|---|---|---|
| ` + "`REWEAVE_SERVER`" + ` | | URL of the server that ` + "`reweave`" + ` commands use, as ` + "`--server`" + ` does |
| ` + "`REWEAVE_TOKEN`" + ` | | token that the server is shown; there is no flag for it, as others could read that in the list of processes |
| ` + "`REWEAVE_TOKEN_FILE`" + ` | | file with that token, as ` + "`--token-file`" + ` names it |
| ` + "`REWEAVE_WEBHOOK_SECRET`" + ` | | secret that signs what ` + "`reweave submit --webhook`" + ` has sent: ` + "`whsec_`" + ` and 24 to 64 bytes in base 64 |
`

func table(b *strings.Builder, vars []boot.Variable) {
	if len(vars) == 0 {
		b.WriteString("No variables of its own.\n")
		return
	}
	b.WriteString("| variable | default | meaning |\n|---|---|---|\n")
	for _, v := range vars {
		value := ""
		if v.Default != "" {
			value = "`" + v.Default + "`"
		}
		var facts []string
		if v.Type != "" {
			facts = append(facts, v.Type)
		}
		if v.Secret {
			facts = append(facts, "*secret*")
		}
		if v.Required {
			facts = append(facts, "**required**")
		}
		meaning := strings.ReplaceAll(v.Description, "|", `\|`)
		if len(facts) > 0 {
			meaning += " (" + strings.Join(facts, ", ") + ")"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", v.Name, value, meaning)
	}
}

// keepFilesIn puts temporary files below dir, where the user has not said otherwise: a
// system's own directory for them is often a small one in memory.
func (c *Configs) keepFilesIn(dir string) {
	for _, scratch := range []*string{&c.Splitter.Scratch, &c.Encoder.Scratch, &c.Muxer.Scratch} {
		if *scratch == "" {
			*scratch = filepath.Join(dir, "scratch")
		}
	}
}
