package deploytest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// LoadCompose reads compose files as docker compose does: against the schema, with
// variables filled in from env alone, the files merged in their order.
func LoadCompose(ctx context.Context, env map[string]string, files ...string) (*types.Project, error) {
	pairs := make([]string, 0, len(env))
	for k, v := range env {
		pairs = append(pairs, k+"="+v)
	}
	o, err := cli.NewProjectOptions(files, cli.WithEnv(pairs), cli.WithResolvedPaths(true), cli.WithInterpolation(true))
	if err != nil {
		return nil, fmt.Errorf("read compose files: %w", err)
	}
	p, err := o.LoadProject(ctx)
	if err != nil {
		return nil, fmt.Errorf("load compose files: %w", err)
	}
	return p, nil
}

// Relaxed are the services of a compose project that need not hold a rule, by the rule.
type Relaxed map[string][]string

// CheckCompose says what is wrong in a project.
func CheckCompose(p *types.Project, relaxed Relaxed) []error {
	var errs []error
	for _, s := range p.Services {
		report := func(rule, format string, args ...any) {
			if !slices.Contains(relaxed[rule], s.Name) {
				errs = append(errs, fmt.Errorf("service %s: %s", s.Name, fmt.Sprintf(format, args...)))
			}
		}
		checkHardening(s, report)
		checkLimits(s, report)
		checkStart(p, s, report)
		checkPorts(s, report)
		checkVolumes(p, s, report)
		checkKey(s, report)
		checkComposeEnv(s, report)
		checkImage(s.Image, func(format string, args ...any) { report("image", format, args...) })
	}
	if e, ok := p.Services["encoder"]; !ok || e.ContainerName != "" || len(e.Ports) > 0 {
		errs = append(errs, errors.New("service encoder: can't be scaled with a name or a port of its own"))
	}
	if !p.Networks["backend"].Internal {
		errs = append(errs, errors.New("network backend: is not internal"))
	}
	return errs
}

type ruleReporter func(rule, format string, args ...any)

func checkHardening(s types.ServiceConfig, report ruleReporter) {
	if !s.ReadOnly {
		report("read-only", "may write its root file system")
	}
	if user, _, _ := strings.Cut(s.User, ":"); user == "" || strings.Trim(user, "0123456789") != "" || user == "0" {
		report("user", "user %q is not a number other than 0", s.User)
	}
	if !slices.Contains(s.CapDrop, "ALL") {
		report("capabilities", "keeps capabilities")
	}
	if len(s.CapAdd) > 0 {
		report("capabilities", "adds capabilities")
	}
	if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
		report("privileges", "may gain privileges")
	}
	if s.Privileged || s.NetworkMode == "host" || s.Pid == "host" || s.Ipc == "host" {
		report("privileges", "uses what is the host's")
	}
}

func checkLimits(s types.ServiceConfig, report ruleReporter) {
	if s.Deploy == nil || s.Deploy.Resources.Limits == nil {
		report("limits", "has no limits")
		return
	}
	if l := s.Deploy.Resources.Limits; l.NanoCPUs <= 0 || l.MemoryBytes <= 0 || l.Pids <= 0 {
		report("limits", "lacks a limit of CPUs, memory or processes")
	}
	if s.Logging == nil || s.Logging.Options["max-size"] == "" || s.Logging.Options["max-file"] == "" {
		report("logging", "its log is not bounded")
	}
}

// checkStart looks at how a service comes up, waits for others, and goes.
func checkStart(p *types.Project, s types.ServiceConfig, report ruleReporter) {
	if s.Restart != types.RestartPolicyUnlessStopped {
		report("restart", "restart is %q", s.Restart)
	}
	if s.HealthCheck == nil || s.HealthCheck.Disable || len(s.HealthCheck.Test) < 2 {
		report("healthcheck", "has no healthcheck")
	}
	for on, d := range s.DependsOn {
		other, ok := p.Services[on]
		if !ok {
			report("depends", "depends on %s, which is not there", on)
		} else if d.Condition == types.ServiceConditionHealthy && other.HealthCheck == nil {
			report("depends", "waits for the health of %s, which has no healthcheck", on)
		}
	}
	if slices.Contains(Services(), s.Name) {
		if d := s.DependsOn["s3"]; d.Condition != types.ServiceConditionHealthy {
			report("depends", "does not wait for s3")
		}
		if _, ok := s.DependsOn["nats"]; !ok {
			report("depends", "does not wait for nats")
		}
	}
	if s.StopGracePeriod == nil {
		report("stop", "no stop_grace_period")
	} else if text := s.Environment["REWEAVE_DRAIN"]; text != nil {
		if drain, err := time.ParseDuration(*text); err != nil || drain >= time.Duration(*s.StopGracePeriod) {
			report("stop", "REWEAVE_DRAIN %q is not shorter than stop_grace_period", *text)
		}
	}
}

func checkPorts(s types.ServiceConfig, report ruleReporter) {
	for _, port := range s.Ports {
		if a, err := netip.ParseAddr(port.HostIP); err != nil || !a.IsLoopback() {
			report("ports", "port %d is open on %q", port.Target, port.HostIP)
		}
	}
}

// checkVolumes wants what a service writes in a volume, and binds read-only.
func checkVolumes(p *types.Project, s types.ServiceConfig, report ruleReporter) {
	for _, v := range s.Volumes {
		switch {
		case v.Type == types.VolumeTypeBind && !v.ReadOnly:
			report("volumes", "may write %s of the host", filepath.Base(v.Source))
		case v.Type == types.VolumeTypeVolume && v.Source != "":
			if _, ok := p.Volumes[v.Source]; !ok {
				report("volumes", "volume %s is not there", v.Source)
			}
		}
	}
	if scratch := s.Environment["REWEAVE_"+strings.ToUpper(s.Name)+"_SCRATCH"]; scratch != nil {
		own := func(v types.ServiceVolumeConfig) bool { return v.Target == *scratch && v.Source == "" }
		if !slices.ContainsFunc(s.Volumes, own) {
			report("volumes", "no volume of its own at %s", *scratch)
		}
	}
}

// checkKey wants a service to have its own key for NATS, in a directory that is mounted as a
// whole so that the seed in it may be replaced, and no other's; and to speak to NATS by TLS
// alone, trusting the certificate that is in the directory ca.
func checkKey(s types.ServiceConfig, report ruleReporter) {
	own, found, ca := false, false, false
	is := func(name, want string) bool { return s.Environment[name] != nil && *s.Environment[name] == want }
	for _, v := range s.Volumes {
		dir, whose := filepath.Split(v.Source)
		if filepath.Base(dir) != "keys" {
			continue
		}
		if whose == "ca" {
			ca = is("REWEAVE_NATS_CA", v.Target+"/nats.crt")
			continue
		}
		if whose != s.Name {
			report("keys", "has the key of %s", whose)
			continue
		}
		own = true
		found = is("REWEAVE_NATS_NKEY", v.Target+"/seed")
	}
	joins := slices.Contains(Services(), s.Name)
	if joins && !found || s.Name == "nats" && !own {
		report("keys", "has no key of its own")
	}
	if own && len(s.GroupAdd) != 1 {
		report("keys", "is not in the group of the keys")
	}
	if joins && (!ca || !is("REWEAVE_NATS_URL", "tls://nats:4222")) {
		report("keys", "does not ask for TLS and the certificate of NATS")
	}
}

func checkComposeEnv(s types.ServiceConfig, report ruleReporter) {
	svc := serviceOf(s.Image)
	if !slices.Contains(Services(), svc) && svc != "reweave" || len(s.Entrypoint) > 0 {
		return
	}
	for _, e := range CheckEnv(svc, keys(s.Environment)) {
		report("environment", "%v", e)
	}
}
