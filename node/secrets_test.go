package node

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"muster/node/api"
)

// positive joins what a secret is made of, so that no scanner of source takes the tests for a leak.
func positive(parts ...string) string { return strings.Join(parts, "") }

// TestSecretsAreRecognised: what people paste when they are in a hurry, in the middle of what they say. The values are made
// up.
func TestSecretsAreRecognised(t *testing.T) {
	rnd := "k9Qw3ZpT7vLx2RnB8mYs5HcD1fGj4WaU"
	for _, c := range []struct{ text, want string }{
		{positive("-----BEGIN RSA ", "PRIVATE KEY-----\nMIIEow"), "a private key"},
		{positive("-----BEGIN ", "PRIVATE KEY-----"), "a private key"},
		{positive("-----BEGIN OPENSSH ", "PRIVATE KEY-----"), "a private key"},
		{positive("-----BEGIN EC ", "PRIVATE KEY-----"), "a private key"},
		{positive("-----BEGIN PGP ", "PRIVATE KEY BLOCK-----"), "a private key"},
		{positive("AGE-SECRET-", "KEY-1QQPQZRF9X8GF2TVDW0S3JN54KHCE6MUA7L"), "a private key"},
		{positive("PuTTY-User-Key-", "File-3: ssh-ed25519"), "a private key"},
		{positive("PrivateKey = ", "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="), "a private key"},
		{positive("use AKIA", "IOSFODNN7EXAMPLE for s3"), "an AWS access key"},
		{positive("ASIA", "IOSFODNN7EXAMPLE"), "an AWS access key"},
		{positive("aws_secret_access_key = wJalrXUtnFEMI", "/K7MDENG/bPxRfiCYEXAMPLEKEY"), "a token or key"},
		{positive("clone with ghp", "_16C7e42F292c6912E7710c838347Ae178B4a"), "a GitHub token"},
		{positive("gho", "_16C7e42F292c6912E7710c838347Ae178B4a"), "a GitHub token"},
		{positive("ghs", "_16C7e42F292c6912E7710c838347Ae178B4a"), "a GitHub token"},
		{positive("github", "_pat_11ABCDEFG0123456789_abcdefghijklmnop"), "a GitHub token"},
		{positive("glpat", "-xJ3kfPqR8vLmN2tYwZ5a"), "a GitLab token"},
		{positive("xoxb", "-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzzqgy"), "a Slack token"},
		{positive("xoxp", "-1234567890-abcdef"), "a Slack token"},
		{positive("https://hooks.slack", ".com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"), "a Slack token"},
		{positive("the key is sk", "_live_4eC39HqLyjWDarjtT1zdp7dc"), "a Stripe key"},
		{positive("rk", "_live_4eC39HqLyjWDarjtT1zdp7dc"), "a Stripe key"},
		{positive("AIza", "SyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe"), "a Google key"},
		{positive("sk", "-proj-abc123DEF456ghi789JKL012mno345"), "an API key"},
		{positive("SG.", "ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf09kqeF8tAmbihYzrnopKc1s5cr"), "an API key"},
		{positive("npm", "_abcdefghijklmnopqrstuvwxyz0123456789"), "an API key"},
		{positive("hvs.", "CAESIJ7xK2mN9pQ4rT6vW8yZ"), "an API key"},
		{positive("eyJ", "hbGciOiJIUzI1NiJ9.eyJ", "zdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"), "a JSON web token"},
		{positive("muster", "-aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq"), "an invitation of this team"},
		{"postgres://app:hunter2@db1:5432/pay", "an address with a password in it"},
		{"it is at https://admin:S3cret!@grafana.example/d/1", "an address with a password in it"},
		{"redis://:p4ssw0rd@cache:6379/0", "an address with a password in it"},
		{"curl -H 'Authorization: Bearer abc.def-123'", "a login header"},
		{"authorization: Basic dXNlcjpwYXNz", "a login header"},
		{"send bearer 0a1b2c3d4e5f6a7b8c9d0e1f2a3b", "a login token"},
		{"root password is hunter2x", "a password"},
		{"the password is now Tr0ub4dor&3.", "a password"},
		{"password: S0mmer2024", "a password"},
		{"DB_PASSWORD=correct-horse1!", "a password"},
		{"pwd=Xy12!z", "a password"},
		{`passphrase: "7Eleven!"`, "a password"},
		{"api_key=9f8e7d6c5b4a39281706", "a token or key"},
		{"PAGERDUTY_TOKEN=u+wzp9fake", "a token or key"},
		{"client_secret: 8Q~abcDEF123_x", "a token or key"},
		{"try " + rnd, "a key or a token"},
		{"it answers to Zm9vYmFyQmF6UXV4MTIzNDU2Nzg5MA==", "a key or a token"},
	} {
		if got, start := secretIn(c.text); got != c.want || !strings.Contains(c.text, start) {
			t.Errorf("%q: got %q (%q), want %q", c.text, got, start, c.want)
		}
	}
}

// TestIncidentWordsAreNoSecrets: what an incident is full of and looks odd.
func TestIncidentWordsAreNoSecrets(t *testing.T) {
	for _, text := range []string{
		"", "db1 is back", "lag is 40s", "the password is wrong", "password: rotated", "token expired at 02:41", "token: expired", "token is v2.3.1",
		"the secret is payments-db-2", "secret: payments/db-creds-7", "secret = vault:kv/data/pay2", "password=$DB_PASSWORD1", "password: ********", "password: <see vault 12>",
		"passwords are being rotated", "pass: 14 of 15", "the pass rate is 98.5%", "rotate the api key: now2", "who has the api key?", "bearer of bad news: verification_failed again",
		"commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"trace 4bf92f3577b34da6a3ce929d0e0e4736", "request 7d444840-9dc0-11d1-b245-5ffdce74fad2", "MD5 D41D8CD98F00B204E9800998ECF8427E",
		"pod payments-api-7d9f8b6c5d-x2x4z restarts", "i-0abcd1234ef567890 is gone", "arn:aws:iam::123456789012:role/PaymentsDeployRole-2024",
		"https://grafana.example/d/aB3dE5fG7hJ9kL1mN3pQ5rS7/pay?from=1700000000000&var-x=AbC123dEf456GhI789", "https://example.com/@user/post:12",
		"https://meet.example/j/98765432100?pwd=", "ssh ann@db1:22", "mail ann@example.com: she knows", "http://10.0.0.7:8080/health@now",
		"roll back to v212", "java.lang.IllegalStateException: ConnectionPoolTimeoutException1", "com/example/Payments2/Api3Controller4/Handler5",
		"/var/lib/kubelet/pods/7d444840-9dc0-11d1-b245/volumes", "2026-11-23T02:41:07.123456Z", "99.9th percentile 4500ms", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"-----BEGIN CERTIFICATE-----", "ssh-ed25519 is what we use", "CPU0123456789 CPU0123456789", "ORA-12154: TNS:could not resolve the connect identifier",
		"HTTP/1.1 503 Service Unavailable", "GET /api/v2/orders/1234567890123456789 500", "x_forwarded_for_header_is_missing_on_edge_nodes", "us-east-1a,us-east-1b,eu-west-2c",
		"0x7ffee4b5c8d0", "KERNEL_PANIC_NOT_SYNCING_VFS_UNABLE_TO_MOUNT_ROOT", "NullPointerExceptionInCheckoutControllerV2", "kafka-consumer-group-lag-exporter-0",
		"muster-amber-otter", "muster-handbook-of-incident-command", "task-runner sk-based", "token ring", "secretary: anna99",
	} {
		if what, start := secretIn(text); what != "" {
			t.Errorf("%q: %s (%q)", text, what, start)
		}
	}
}

// TestNoFalseAlarmInWhatPeopleWrote: none of the texts of the recorded incidents, of the stories of the board and of the
// scripts of the command line is asked about, but for the script that is about that.
func TestNoFalseAlarmInWhatPeopleWrote(t *testing.T) {
	lines := 0
	for _, pattern := range []string{"../cli/testdata/replays/*.replay", "../cli/demo.replay", "../crdt/board/testdata/stories/*.txt", "../cli/testdata/script/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			if filepath.Base(file) == "paper.txtar" {
				continue
			}
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			for in := bufio.NewScanner(f); in.Scan(); lines++ {
				if what, start := secretIn(in.Text()); what != "" {
					t.Errorf("%s: %s (%q) in %s", file, what, start, in.Text())
				}
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if lines < 2000 {
		t.Errorf("only %d lines were looked at", lines)
	}
	t.Logf("%d lines", lines)
}

// TestSecretIsAskedAbout: whoever writes a token by whatever verb is asked first, with one question where the verb has one of
// its own, and nothing is written before the answer. A sealed note is not asked about.
func TestSecretIsAskedAbout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 1)
		token := positive("ghp", "_16C7e42F292c6912E7710c838347Ae178B4a")
		ask := func(in api.Write) (question string) {
			t.Helper()
			_, err := b.nodes[0].Write(t.Context(), in)
			if err == nil || api.AsError(err).Code != api.CodeConfirm {
				t.Errorf("%s: %v", in.Verb, err)
				return ""
			}
			e := api.AsError(err)
			if !strings.Contains(e.Question, "a GitHub token") || strings.Contains(e.Question, token) || strings.Contains(e.Message, token) || !strings.Contains(e.Hint, "--sealed-to") {
				t.Errorf("%s asks %q, %q, hint %q", in.Verb, e.Message, e.Question, e.Hint)
			}
			return e.Question
		}
		ask(api.Write{Verb: "declare", Text: "deploy with " + token})
		b.declare()
		note := b.write(0, api.Write{Verb: "note", Text: "what is said"})
		before := b.state(0).Operations
		for _, in := range []api.Write{
			{Verb: "note", Text: "use " + token},
			{Verb: "do", Text: "use " + token},
			{Verb: "decide", Text: "use " + token},
			{Verb: "edit", Ref: note.ID, Text: "use " + token},
			{Verb: "title", Text: "use " + token},
			{Verb: "sitrep", Value: "headline", Text: "use " + token},
			{Verb: "label", Labels: []string{"token=" + token}},
			{Verb: "playbook", Value: "deploy", Items: []string{"one", "use " + token}},
			{Verb: "update", Text: "use " + token, Topic: "customers"},
			{Verb: "decide", Text: "use it", Topic: token},
		} {
			ask(in)
		}
		if q := ask(api.Write{Verb: "redact", Ref: note.ID, Reason: "it was " + token}); !strings.Contains(q, "erased on every laptop") {
			t.Errorf("redact asks one of two: %q", q)
		}
		if _, err := b.nodes[0].Write(t.Context(), api.Write{Verb: "done", Ref: "t7f", Text: token}); err == nil || api.AsError(err).Code != api.CodeNotFound {
			t.Errorf("what the rules refuse is asked about: %v", err)
		}
		if got := b.state(0).Operations; got != before {
			t.Errorf("%d operations were written", got-before)
		}
		b.write(0, api.Write{Verb: "note", Text: "use " + token, Yes: true})
		b.write(0, api.Write{Verb: "note", Text: "use " + token, SealTo: []string{"p0"}})
		b.stop()
	})
}
