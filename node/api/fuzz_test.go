package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzHandler: whatever a local program posts, the node answers with JSON, with the node's own fault never the reason,
// and what reached the node is what a well-formed request would have said.
func FuzzHandler(f *testing.F) {
	paths := []string{
		pathWrite, pathStatus, pathShow, pathBrief, pathLog, pathWatch, pathInit, pathInvite, pathJoin, pathCut, pathHeal, pathStop, "/v1/none", "/",
	}
	for i := range paths {
		f.Add(uint8(i), `{}`, true)
	}
	f.Add(uint8(0), `{"verb":"do","who":["bob"],"text":"check \"lag\"","for_ms":300000,"severity":2,"yes":true}`, true)
	f.Add(uint8(2), `{"incident":"amber-otter"}{}`, true)
	f.Add(uint8(5), `{"responder":null,"team":"\ud800"}`, true)
	f.Add(uint8(8), `{"who":[null,"",3]}`, false)
	f.Add(uint8(0), strings.Repeat("[", 20_000), true)
	f.Fuzz(func(t *testing.T, path uint8, body string, version bool) {
		s := &fake{}
		r := httptest.NewRequest(http.MethodPost, paths[int(path)%len(paths)], strings.NewReader(body))
		if version {
			r.Header.Set(VersionHeader, Version)
		}
		w := httptest.NewRecorder()
		NewHandler(s, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		for dec := json.NewDecoder(w.Body); dec.More(); {
			var v any
			if err := dec.Decode(&v); err != nil {
				t.Fatalf("answer is not JSON: %v", err)
			}
		}
		if w.Code != http.StatusOK && len(s.seen) > 0 {
			t.Fatalf("refused with %d, but done: %v", w.Code, s.seen)
		}
		if w.Code == http.StatusOK && !version {
			t.Fatal("answered a caller of another version")
		}
		for _, v := range s.seen {
			again, err := json.Marshal(v)
			if err != nil || len(again) > 64*(len(body)+64) {
				t.Fatalf("%d bytes became %d: %v", len(body), len(again), err)
			}
		}
	})
}
