{{/* $: the files by which a gateway speaks TLS on both edges, and the port of its probes: with mutual
TLS neither the kubelet nor Prometheus would come in by the others. */}}
{{- define "recompose.tls.env" -}}
{{- if .Values.gateway.tls.secretName -}}
- name: TLS_CERT_FILE
  value: /tls/tls.crt
- name: TLS_KEY_FILE
  value: /tls/tls.key
{{- if .Values.gateway.tls.clients.caSecret }}
- name: TLS_CLIENT_CA_FILE
  value: /tls/clients.crt
{{- end }}
- name: HEALTH_PORT
  value: "8081"
{{- end }}
{{- end -}}

{{/* $: their volume. */}}
{{- define "recompose.tls.volume" -}}
{{- $tls := .Values.gateway.tls -}}
{{- if $tls.secretName -}}
- name: tls
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ $tls.secretName }}
          items:
            - key: tls.crt
              path: tls.crt
            - key: tls.key
              path: tls.key
      {{- with $tls.clients.caSecret }}
      - secret:
          name: {{ . }}
          items:
            - key: {{ $tls.clients.caKey }}
              path: clients.crt
      {{- end }}
{{- end }}
{{- end -}}

{{/* $: the mount of either volume. The whole folder: a file by itself would not be renewed. */}}
{{- define "recompose.tls.mount" -}}
{{- if .Values.gateway.tls.secretName -}}
- name: tls
  mountPath: /tls
  readOnly: true
{{- end }}
{{- end -}}

{{/* $: where a gateway is asked for its health and metrics. */}}
{{- define "recompose.health.port" -}}
{{ ternary "health" "http" (ne .Values.gateway.tls.secretName "") }}
{{- end -}}

{{/* $: the same as a number. */}}
{{- define "recompose.health.number" -}}
{{ ternary 8081 8080 (ne .Values.gateway.tls.secretName "") }}
{{- end -}}

{{/* $: what the address of either edge begins with. */}}
{{- define "recompose.tls.scheme" -}}
{{ ternary "https" "http" (ne .Values.gateway.tls.secretName "") }}
{{- end -}}

{{/* $: how one of the release's own callers checks the gateway, and what it shows. */}}
{{- define "recompose.caller.env" -}}
{{- if .Values.gateway.tls.secretName -}}
- name: RECOMPOSE_TLS_CA
  value: /tls/ca.crt
{{- if .Values.gateway.tls.clients.secretName }}
- name: RECOMPOSE_TLS_CERT
  value: /tls/tls.crt
- name: RECOMPOSE_TLS_KEY
  value: /tls/tls.key
{{- end }}
{{- end }}
{{- end -}}

{{/* $: the volume of these files: of the gateway's Secret the roots alone. */}}
{{- define "recompose.caller.volume" -}}
{{- $tls := .Values.gateway.tls -}}
{{- if $tls.secretName -}}
- name: tls
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ $tls.secretName }}
          items:
            - key: ca.crt
              path: ca.crt
      {{- with $tls.clients.secretName }}
      - secret:
          name: {{ . }}
          items:
            - key: tls.crt
              path: tls.crt
            - key: tls.key
              path: tls.key
      {{- end }}
{{- end }}
{{- end -}}

{{/* $: the names by which gateways are called inside of the cluster. */}}
{{- define "recompose.tls.names" -}}
{{- $names := list -}}
{{- range ternary (list "gateway" "gateway-writer") (list "gateway") .Values.gateway.writer.enabled -}}
{{- range list . (printf "%s-headless" .) -}}
{{- $name := include "recompose.object" (list $ .) -}}
{{- $space := $.Release.Namespace -}}
{{- $names = concat $names (list $name (printf "%s.%s" $name $space) (printf "%s.%s.svc" $name $space) (printf "%s.%s.svc.cluster.local" $name $space)) -}}
{{- end -}}
{{- end -}}
{{- join " " $names -}}
{{- end -}}
