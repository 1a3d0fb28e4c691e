package deploytest

import (
	"fmt"
	"slices"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// SecretKeys are Secrets that a kustomization refers to and others make: name to keys.
type SecretKeys map[string][]string

// CheckReferences says which names point at nothing: ConfigMaps, Secrets and their keys,
// Services' and budgets' selectors, ports, autoscalers' targets, namespaces.
func CheckReferences(m *Manifests, external SecretKeys) []error {
	var errs []error
	report := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	checkNamespaces(m, report)
	for _, w := range m.Workloads() {
		for i := range w.Pod.Spec.Containers {
			c := &w.Pod.Spec.Containers[i]
			env, missing := containerEnv(m, c)
			for _, e := range missing {
				report("%s: %w", w.Name, e)
			}
			if svc := serviceOf(c.Image); svc == "reweave" || slices.Contains(Services(), svc) {
				for _, e := range CheckEnv(svc, keys(env)) {
					report("%s: %w", w.Name, e)
				}
			}
			checkSecretRefs(m, w, c, external, report)
		}
		checkVolumeRefs(m, w, external, report)
	}
	checkServices(m, report)
	checkBudgets(m, report)
	checkAutoscalers(m, report)
	return errs
}

func checkNamespaces(m *Manifests, report reporter) {
	for _, o := range m.Objects {
		if _, is := o.(*corev1.Namespace); !is && o.GetNamespace() != "reweave" {
			report("%T %s is in namespace %q", o, o.GetName(), o.GetNamespace())
		}
	}
	ns, ok := find[*corev1.Namespace](m, "reweave")
	if !ok {
		report("no namespace reweave")
	} else if ns.Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
		report("the namespace does not enforce the restricted pod security standard")
	}
}

// containerEnv is a container's environment; values from Secrets and fields are empty. What
// can't be found comes back as errors.
func containerEnv(m *Manifests, c *corev1.Container) (map[string]string, []error) {
	env := map[string]string{}
	var errs []error
	for _, f := range c.EnvFrom {
		if f.ConfigMapRef == nil {
			errs = append(errs, fmt.Errorf("container %s: environment from something else than a ConfigMap", c.Name))
			continue
		}
		cm, ok := find[*corev1.ConfigMap](m, f.ConfigMapRef.Name)
		if !ok {
			errs = append(errs, fmt.Errorf("container %s: no ConfigMap %s", c.Name, f.ConfigMapRef.Name))
			continue
		}
		for k, v := range cm.Data {
			env[f.Prefix+k] = v
		}
	}
	for _, e := range c.Env {
		env[e.Name] = e.Value
		if e.ValueFrom == nil || e.ValueFrom.ConfigMapKeyRef == nil {
			continue
		}
		ref := e.ValueFrom.ConfigMapKeyRef
		cm, ok := find[*corev1.ConfigMap](m, ref.Name)
		if !ok || !has(cm.Data, ref.Key) {
			errs = append(errs, fmt.Errorf("container %s: no ConfigMap %s with key %s", c.Name, ref.Name, ref.Key))
			continue
		}
		env[e.Name] = cm.Data[ref.Key]
	}
	return env, errs
}

func checkSecretRefs(m *Manifests, w Workload, c *corev1.Container, external SecretKeys, report reporter) {
	for _, e := range c.Env {
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			checkOwner(w, c, e.ValueFrom.SecretKeyRef.Name, report)
			checkSecret(m, w, e.ValueFrom.SecretKeyRef.Name, e.ValueFrom.SecretKeyRef.Key, external, report)
		}
	}
}

// checkOwner wants a service to see no Secret of another one.
func checkOwner(w Workload, c *corev1.Container, secret string, report reporter) {
	for _, other := range Services() {
		if who := serviceOf(c.Image); who != other && slices.Contains(Services(), who) && strings.HasSuffix(secret, "-"+other) {
			report("%s: uses the key of %s", w.Name, other)
		}
	}
}

func checkVolumeRefs(m *Manifests, w Workload, external SecretKeys, report reporter) {
	for _, v := range w.Pod.Spec.Volumes {
		if v.Secret != nil {
			for i := range w.Pod.Spec.Containers {
				checkOwner(w, &w.Pod.Spec.Containers[i], v.Secret.SecretName, report)
			}
			for _, item := range v.Secret.Items {
				checkSecret(m, w, v.Secret.SecretName, item.Key, external, report)
			}
			if len(v.Secret.Items) == 0 {
				report("%s: volume %s names no key of its Secret", w.Name, v.Name)
			}
		}
		if v.ConfigMap != nil {
			if _, ok := find[*corev1.ConfigMap](m, v.ConfigMap.Name); !ok {
				report("%s: no ConfigMap %s", w.Name, v.ConfigMap.Name)
			}
		}
	}
}

func checkSecret(m *Manifests, w Workload, name, key string, external SecretKeys, report reporter) {
	if slices.Contains(external[name], key) {
		return
	}
	s, ok := find[*corev1.Secret](m, name)
	if !ok || (!has(s.Data, key) && !has(s.StringData, key)) {
		report("%s: no Secret %s with key %s", w.Name, name, key)
	}
}

func checkServices(m *Manifests, report reporter) {
	for _, s := range each[*corev1.Service](m) {
		hit, err := m.selected(&metav1.LabelSelector{MatchLabels: s.Spec.Selector})
		if err != nil || len(hit) != 1 || len(s.Spec.Selector) == 0 {
			report("Service %s selects %d workloads, not one", s.Name, len(hit))
			continue
		}
		for _, p := range s.Spec.Ports {
			if !hasPort(hit[0], p.TargetPort) {
				report("Service %s: %s has no port %s", s.Name, hit[0].Name, p.TargetPort.String())
			}
		}
	}
}

func hasPort(w Workload, port intstr.IntOrString) bool {
	for _, c := range w.Pod.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name == port.StrVal && port.StrVal != "" || p.ContainerPort == port.IntVal {
				return true
			}
		}
	}
	return false
}

// checkBudgets wants one budget for each workload that leaves room for an eviction.
func checkBudgets(m *Manifests, report reporter) {
	budgets := map[string]int{}
	for _, b := range each[*policyv1.PodDisruptionBudget](m) {
		hit, err := m.selected(b.Spec.Selector)
		if err != nil || len(hit) != 1 {
			report("PodDisruptionBudget %s selects %d workloads, not one", b.Name, len(hit))
			continue
		}
		budgets[hit[0].Name]++
		if b.Spec.MaxUnavailable == nil || b.Spec.MinAvailable != nil {
			report("PodDisruptionBudget %s could stop a node's drain for ever: it has no maxUnavailable", b.Name)
		}
	}
	for _, w := range m.Workloads() {
		if budgets[w.Name] != 1 {
			report("%s has %d PodDisruptionBudgets, not one", w.Name, budgets[w.Name])
		}
	}
}

// checkAutoscalers wants every target to exist, to have one scaler only, and to leave its
// number of replicas to it.
func checkAutoscalers(m *Manifests, report reporter) {
	scalers := map[string]int{}
	target := func(scaler, kind, name string) {
		w, ok := m.workload(kind, name)
		if !ok {
			report("%s scales %s %s, which is not there", scaler, kind, name)
			return
		}
		if w.Replicas != nil {
			report("%s scales %s, whose manifest sets its replicas, too", scaler, name)
		}
		scalers[name]++
	}
	for _, h := range each[*autoscalingv2.HorizontalPodAutoscaler](m) {
		target("HorizontalPodAutoscaler "+h.Name, h.Spec.ScaleTargetRef.Kind, h.Spec.ScaleTargetRef.Name)
		if h.Spec.MinReplicas == nil || *h.Spec.MinReplicas < 1 || *h.Spec.MinReplicas > h.Spec.MaxReplicas || len(h.Spec.Metrics) == 0 {
			report("HorizontalPodAutoscaler %s: bounds or metrics are missing", h.Name)
		}
	}
	for _, c := range m.Custom {
		if c.Kind != "ScaledObject" {
			report("%s %s: no rules for it here", c.Kind, c.Name)
			continue
		}
		var o scaledObject
		if err := yaml.Unmarshal(c.YAML, &o); err != nil {
			report("ScaledObject %s: %w", c.Name, err)
			continue
		}
		target("ScaledObject "+c.Name, o.Spec.ScaleTargetRef.Kind, o.Spec.ScaleTargetRef.Name)
		for _, e := range checkTriggers(o) {
			report("ScaledObject %s: %w", c.Name, e)
		}
	}
	for name, n := range scalers {
		if n > 1 {
			report("%s has %d autoscalers", name, n)
		}
	}
}

func has[V any](m map[string]V, key string) bool {
	_, ok := m[key]
	return ok
}

func keys[V any](m map[string]V) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
