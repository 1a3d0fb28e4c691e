package deploytest

import (
	"fmt"
	"net"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Edge is a connection between two workloads of the namespace.
type Edge struct {
	From, To string
	Port     int32
}

func (e Edge) String() string { return fmt.Sprintf("%s → %s:%d", e.From, e.To, e.Port) }

// CheckNetwork says where the NetworkPolicies differ from what is wanted: every pod denied
// by default in both directions and allowed to ask DNS, the edges of open allowed at both of
// their ends, and no other edge between two workloads on any port in ports.
func CheckNetwork(m *Manifests, open []Edge, ports []int32) []error {
	var errs []error
	for _, p := range m.policies() {
		if hit, err := m.selected(&p.Spec.PodSelector); err != nil || len(hit) == 0 {
			errs = append(errs, fmt.Errorf("NetworkPolicy %s selects no pod", p.Name))
		}
		if len(p.Spec.PolicyTypes) == 0 {
			errs = append(errs, fmt.Errorf("NetworkPolicy %s names no policyTypes", p.Name))
		}
		for _, b := range blocks(p) {
			for _, except := range b.Except {
				if !within(except, b.CIDR) {
					errs = append(errs, fmt.Errorf("NetworkPolicy %s: %s is not a part of %s", p.Name, except, b.CIDR))
				}
			}
		}
	}
	for _, w := range m.Workloads() {
		for _, t := range []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress} {
			if !denied(m, w, t) {
				errs = append(errs, fmt.Errorf("%s: %s is not denied by default", w.Name, t))
			}
		}
		if !asksDNS(m, w) {
			errs = append(errs, fmt.Errorf("%s: may not ask DNS", w.Name))
		}
		for _, to := range m.Workloads() {
			for _, port := range ports {
				e := Edge{w.Name, to.Name, port}
				// An end that is open alone lets nothing through, and is a mistake, too.
				out, in := sends(m, w, to, port), receives(m, w, to, port)
				if want := slices.Contains(open, e); out != want || in != want {
					errs = append(errs, fmt.Errorf("%s: allowed out %t, in %t, wanted %t", e, out, in, want))
				}
			}
		}
	}
	return errs
}

func blocks(p *networkingv1.NetworkPolicy) []*networkingv1.IPBlock {
	var peers []networkingv1.NetworkPolicyPeer
	for _, r := range p.Spec.Ingress {
		peers = append(peers, r.From...)
	}
	for _, r := range p.Spec.Egress {
		peers = append(peers, r.To...)
	}
	var all []*networkingv1.IPBlock
	for _, peer := range peers {
		if peer.IPBlock != nil {
			all = append(all, peer.IPBlock)
		}
	}
	return all
}

// within reports whether one block is a part of another, as the API server reckons: blocks
// of mapped IPv4 addresses are no part of an IPv6 block there.
func within(part, whole string) bool {
	ip, p, err := net.ParseCIDR(part)
	if err != nil {
		return false
	}
	_, w, err := net.ParseCIDR(whole)
	if err != nil {
		return false
	}
	small, _ := p.Mask.Size()
	big, _ := w.Mask.Size()
	return w.Contains(ip) && small > big
}

func selects(s *metav1.LabelSelector, w Workload) bool {
	sel, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && sel.Matches(labels.Set(w.Pod.Labels))
}

func denied(m *Manifests, w Workload, t networkingv1.PolicyType) bool {
	return slices.ContainsFunc(m.policies(), func(p *networkingv1.NetworkPolicy) bool {
		return selects(&p.Spec.PodSelector, w) && slices.Contains(p.Spec.PolicyTypes, t) && len(p.Spec.Ingress) == 0 && len(p.Spec.Egress) == 0
	})
}

func asksDNS(m *Manifests, w Workload) bool {
	return slices.ContainsFunc(m.policies(), func(p *networkingv1.NetworkPolicy) bool {
		return selects(&p.Spec.PodSelector, w) && slices.ContainsFunc(p.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
			return opens(r.Ports, 53) && slices.ContainsFunc(r.To, func(peer networkingv1.NetworkPolicyPeer) bool {
				return peer.PodSelector != nil && peer.PodSelector.MatchLabels["k8s-app"] == "kube-dns"
			})
		})
	})
}

func sends(m *Manifests, from, to Workload, port int32) bool {
	return slices.ContainsFunc(m.policies(), func(p *networkingv1.NetworkPolicy) bool {
		return selects(&p.Spec.PodSelector, from) && slices.ContainsFunc(p.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
			return opens(r.Ports, port) && among(r.To, to)
		})
	})
}

func receives(m *Manifests, from, to Workload, port int32) bool {
	return slices.ContainsFunc(m.policies(), func(p *networkingv1.NetworkPolicy) bool {
		return selects(&p.Spec.PodSelector, to) && slices.ContainsFunc(p.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool {
			return opens(r.Ports, port) && among(r.From, from)
		})
	})
}

// opens reports whether the ports of a rule hold this one; no ports are all ports.
func opens(ports []networkingv1.NetworkPolicyPort, port int32) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		return p.Port == nil || p.Port.IntVal == port
	})
}

// among reports whether the peers of a rule hold the workload's pods; no peers are all.
// Blocks of addresses and other namespaces count for nothing here.
func among(peers []networkingv1.NetworkPolicyPeer, w Workload) bool {
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		return p.PodSelector != nil && p.NamespaceSelector == nil && selects(p.PodSelector, w)
	})
}
