{{/* (list $ COMPONENT VALUES): a Deployment of the gateway. */}}
{{- define "recompose.gateway.deployment" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $own := index . 2 -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "recompose.metadata" (list $root $component) | nindent 2 }}
spec:
  {{- if not $own.autoscaling.enabled }}
  replicas: {{ $own.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy:
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  selector:
    matchLabels:
      {{- include "recompose.selector" (list $root $component) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "recompose.labels" (list $root $component) | nindent 8 }}
    spec:
      {{- include "recompose.pod" (list $root $component) | nindent 6 }}
      {{- include "recompose.spread" (list $root $component) | nindent 6 }}
      # The sleep of preStop, DRAIN_GRACE_S and DRAIN_BUDGET_S, and a rest to close in.
      terminationGracePeriodSeconds: 30
      {{- if eq $root.Values.model.source "bucket" }}
      initContainers:
        {{- include "recompose.model.download" (list $root "bundle.json" "tokenizer.json") | nindent 8 }}
      {{- end }}
      containers:
        - name: gateway
          {{- include "recompose.container" (list $root "gateway") | nindent 10 }}
          command: [python, -m, gateway]
          env:
            {{- include "recompose.gateway.env" $root | nindent 12 }}
            {{- include "recompose.access.env" $root | nindent 12 }}
            {{- with include "recompose.tls.env" $root }}
            {{- . | nindent 12 }}
            {{- end }}
            {{- with include "recompose.gateway.tracing" (list $root $component) }}
            {{- . | nindent 12 }}
            {{- end }}
          ports:
            - name: http
              containerPort: 8080
            - name: grpc
              containerPort: 50051
            {{- if $root.Values.gateway.tls.secretName }}
            # Health and metrics alone, in plain text.
            - name: health
              containerPort: 8081
            {{- end }}
          # Up: the process runs and has read its settings and bundle.
          startupProbe:
            httpGet:
              path: /healthz
              port: {{ include "recompose.health.port" $root }}
            periodSeconds: 2
            failureThreshold: 30
          # Gets traffic: a real inference and a real query were answered, and it does not drain.
          readinessProbe:
            httpGet:
              path: /readyz
              port: {{ include "recompose.health.port" $root }}
            periodSeconds: 2
            timeoutSeconds: 1
            failureThreshold: 2
          # Restarted: the event loop hangs. Not /readyz, or a failing Qdrant would restart all.
          livenessProbe:
            httpGet:
              path: /healthz
              port: {{ include "recompose.health.port" $root }}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          lifecycle:
            preStop:
              # Goes on serving until proxies and clients have seen that the endpoint is gone.
              sleep:
                seconds: 10
          resources:
            {{- toYaml $own.resources | nindent 12 }}
          volumeMounts:
            {{- include "recompose.gateway.mounts" $root | nindent 12 }}
            # All of the Secret would also bring the keys of other parts.
            - name: access
              mountPath: /access
              readOnly: true
            {{- with include "recompose.tls.mount" $root }}
            {{- . | nindent 12 }}
            {{- end }}
      volumes:
        {{- include "recompose.gateway.volumes" $root | nindent 8 }}
        - name: access
          secret:
            secretName: {{ $root.Values.secret }}
            items:
              - key: api-keys.toml
                path: api-keys.toml
        {{- with include "recompose.tls.volume" $root }}
        {{- . | nindent 8 }}
        {{- end }}
{{- end -}}
