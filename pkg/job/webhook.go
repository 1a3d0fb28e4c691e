package job

import (
	"encoding/base64"
	"net/url"
	"strings"
)

// Webhook is whom to tell of a job's end.
type Webhook struct {
	// URL takes the job's last event by POST.
	URL string `json:"url" doc:"where the event of the job's end is sent by POST" minLength:"1" maxLength:"2048"`
	// Secret signs what is sent. It is taken out of a Spec before that is kept anywhere.
	Secret Secret `json:"secret,omitempty" doc:"key that signs it (Standard Webhooks): whsec_ and 24 to 64 bytes in base 64; no answer tells it" maxLength:"128"`
	// Signed says that a secret was given. The server sets it.
	Signed bool `json:"signed,omitempty" readOnly:"true" doc:"whether a secret was given"`
}

// Secret is a text that no log shows by mistake.
type Secret string

// String returns stars.
func (s Secret) String() string { return strings.Repeat("*", min(len(s), 3)) }

// GoString returns stars.
func (s Secret) GoString() string { return s.String() }

// secretPrefix begins every secret of a webhook, as Standard Webhooks has it.
const secretPrefix = "whsec_"

// Key returns the key that the secret stands for, and whether it is of the right form.
func (s Secret) Key() ([]byte, bool) {
	text, found := strings.CutPrefix(string(s), secretPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	return key, found && err == nil && len(key) >= 24 && len(key) <= 64
}

// TakeSecret returns s without the secret of its webhook, and the secret.
func (s Spec) TakeSecret() (Spec, Secret) {
	if s.Webhook == nil {
		return s, ""
	}
	w := *s.Webhook
	secret := w.Secret
	w.Secret, w.Signed = "", secret != ""
	s.Webhook = &w
	return s, secret
}

func (s Spec) checkWebhook(is *Issues) {
	if s.Webhook == nil {
		return
	}
	u, err := url.Parse(s.Webhook.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		// The URL may hold a secret of its own, so it is not told.
		is.add("invalid-webhook", "webhook.url", "this is no whole URL without a user in it", "use https://host/path")
	}
	if _, ok := s.Webhook.Secret.Key(); s.Webhook.Secret != "" && !ok {
		is.add("invalid-webhook", "webhook.secret", "this is no secret of a webhook", "give whsec_ and 24 to 64 random bytes in base 64")
	}
}
