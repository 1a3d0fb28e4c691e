package deploytest

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// CheckPods says what is wrong with how the pods are made: security, probes, resources,
// images, volumes, and the time they get to drain.
func CheckPods(m *Manifests) []error {
	var errs []error
	for _, w := range m.Workloads() {
		report := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("%s %s: %s", w.Kind, w.Name, fmt.Sprintf(format, args...)))
		}
		checkPodSpec(m, w, report)
		checkStandard(w, report)
		for i := range w.Pod.Spec.Containers {
			c := &w.Pod.Spec.Containers[i]
			of := func(format string, args ...any) { report("container %s: "+format, append([]any{c.Name}, args...)...) }
			checkContainerSecurity(c, of)
			checkResources(c, of)
			checkProbes(c, of)
			checkImage(c.Image, of)
			checkMounts(w, c, of)
		}
	}
	return errs
}

type reporter func(format string, args ...any)

func checkPodSpec(m *Manifests, w Workload, report reporter) {
	p := w.Pod.Spec
	if sel, err := metav1.LabelSelectorAsSelector(w.Selector); err != nil || sel.Empty() || !sel.Matches(labels.Set(w.Pod.Labels)) {
		report("its selector does not match its own pods")
	}
	if len(p.InitContainers) > 0 {
		report("init containers are not checked here")
	}
	if p.HostNetwork || p.HostPID || p.HostIPC {
		report("uses a namespace of the host")
	}
	if p.AutomountServiceAccountToken == nil || *p.AutomountServiceAccountToken {
		report("mounts a token")
	}
	if p.EnableServiceLinks == nil || *p.EnableServiceLinks {
		report("enableServiceLinks is not false: REWEAVE_… variables of Services would come in")
	}
	a, ok := find[*corev1.ServiceAccount](m, p.ServiceAccountName)
	if !ok {
		report("no ServiceAccount %q", p.ServiceAccountName)
	} else if a.AutomountServiceAccountToken == nil || *a.AutomountServiceAccountToken {
		report("its ServiceAccount mounts a token")
	}
	s := p.SecurityContext
	switch {
	case s == nil:
		report("no security context")
	case s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.RunAsUser == nil || *s.RunAsUser == 0:
		report("may run as root")
	case s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault:
		report("no seccomp profile RuntimeDefault")
	case s.FSGroup == nil:
		report("no fsGroup: it can't write its volumes")
	}
	if len(p.TopologySpreadConstraints) == 0 {
		report("is not spread over nodes")
	}
	for _, t := range p.TopologySpreadConstraints {
		if sel, err := metav1.LabelSelectorAsSelector(t.LabelSelector); err != nil || !sel.Matches(labels.Set(w.Pod.Labels)) {
			report("its spread constraint counts other pods")
		}
	}
	checkDrain(m, w, report)
}

// checkStandard asks the admission controller's own code whether the namespace, which
// enforces the restricted pod security standard, would let the pods in.
func checkStandard(w Workload, report reporter) {
	e, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		report("pod security standard: %v", err)
		return
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	r := policy.AggregateCheckResults(e.EvaluatePod(level, &w.Pod.ObjectMeta, &w.Pod.Spec))
	if !r.Allowed {
		report("is not let in: %s", r.ForbiddenDetail())
	}
}

// checkDrain holds the grace period against the longest drain of its containers.
func checkDrain(m *Manifests, w Workload, report reporter) {
	if w.Pod.Spec.TerminationGracePeriodSeconds == nil {
		report("no terminationGracePeriodSeconds")
		return
	}
	grace := time.Duration(*w.Pod.Spec.TerminationGracePeriodSeconds) * time.Second
	for i := range w.Pod.Spec.Containers {
		env, _ := containerEnv(m, &w.Pod.Spec.Containers[i])
		text, ok := env["REWEAVE_DRAIN"]
		if !ok {
			continue
		}
		if drain, err := time.ParseDuration(text); err != nil || drain >= grace {
			report("REWEAVE_DRAIN %q is not shorter than the grace period %s", text, grace)
		}
	}
}

func checkContainerSecurity(c *corev1.Container, report reporter) {
	s := c.SecurityContext
	switch {
	case s == nil:
		report("no security context")
		return
	case s.Privileged != nil && *s.Privileged:
		report("is privileged")
	case s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation:
		report("may escalate its privileges")
	case s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem:
		report("may write its root file system")
	case s.RunAsUser != nil && *s.RunAsUser == 0:
		report("runs as root")
	}
	if s.Capabilities == nil || !slices.Contains(s.Capabilities.Drop, "ALL") || len(s.Capabilities.Add) > 0 {
		report("keeps capabilities")
	}
}

func checkResources(c *corev1.Container, report reporter) {
	for _, r := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		ask, ok := c.Resources.Requests[r]
		most, limited := c.Resources.Limits[r]
		if !ok || !limited {
			report("no request or no limit of %s", r)
			continue
		}
		if ask.Cmp(most) > 0 {
			report("asks for more %s than its limit", r)
		}
	}
}

func checkProbes(c *corev1.Container, report reporter) {
	for name, p := range map[string]*corev1.Probe{"startup": c.StartupProbe, "liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
		if p == nil || p.HTTPGet == nil {
			report("no %s probe by HTTP", name)
			continue
		}
		port := p.HTTPGet.Port.StrVal
		if !slices.ContainsFunc(c.Ports, func(cp corev1.ContainerPort) bool { return cp.Name == port && port != "" }) {
			report("its %s probe asks port %q, which it does not have", name, p.HTTPGet.Port.String())
		}
		if strings.HasPrefix(path.Base(c.Image), "nats:") || serviceOf(c.Image) == "reweave" {
			continue
		}
		want := map[string]string{"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}[name]
		if p.HTTPGet.Path != want {
			report("its %s probe asks %s, not %s", name, p.HTTPGet.Path, want)
		}
	}
}

func checkImage(image string, report reporter) {
	_, tag, ok := strings.Cut(path.Base(image), ":")
	if !ok || tag == "" || tag == "latest" {
		report("image %q has no tag of its own", image)
	}
}

func checkMounts(w Workload, c *corev1.Container, report reporter) {
	bounded := map[string]bool{}
	for _, v := range w.Pod.Spec.Volumes {
		bounded[v.Name] = v.EmptyDir == nil || v.EmptyDir.SizeLimit != nil
		if v.HostPath != nil {
			report("volume %s is a path of the node", v.Name)
		}
	}
	for _, v := range w.Claims {
		bounded[v.Name] = true
	}
	for _, vm := range c.VolumeMounts {
		limit, ok := bounded[vm.Name]
		if !ok {
			report("mounts %s, which is no volume", vm.Name)
		} else if !limit {
			report("volume %s has no size limit", vm.Name)
		}
	}
}

// serviceOf is the last part of an image's name, without the tag.
func serviceOf(image string) string {
	name, _, _ := strings.Cut(path.Base(image), ":")
	return name
}
