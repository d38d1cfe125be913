{{/* $: refuses settings that cannot work together, each with one sentence. */}}
{{- define "recompose.check" -}}
{{- $values := .Values -}}
{{- if and (ne $values.model.source "image") (not $values.model.digest) -}}
{{- fail "model.digest is needed: the first 12 hex digits of the bundle that gateways begin with." -}}
{{- end -}}
{{- if and (eq $values.model.source "bucket") (not $values.model.bucket) -}}
{{- fail "model.bucket is needed with model.source bucket: s3://BUCKET/PREFIX of the bundles." -}}
{{- end -}}
{{- if and (eq $values.model.source "image") $values.model.further -}}
{{- fail "model.further is for bundles of a bucket: the gateway's image holds one bundle." -}}
{{- end -}}
{{- $shared := or (gt (int $values.gateway.replicas) 1) $values.gateway.autoscaling.enabled $values.gateway.writer.enabled $values.backup.enabled $values.collectPictures.enabled (ne $values.swap.kind "none") -}}
{{- if and (not $values.pictures.bucket) (eq $values.pictures.accessMode "ReadWriteOnce") $shared -}}
{{- fail "pictures.accessMode ReadWriteOnce is for one gateway pod and nothing beside it: use ReadWriteMany, or pictures.bucket." -}}
{{- end -}}
{{- $outside := or $values.pictures.bucket (eq $values.model.source "bucket") $values.qdrant.external.url $values.redis.external.secret -}}
{{- if and $outside $values.networkPolicy.enabled (not $values.networkPolicy.external) -}}
{{- fail "networkPolicy.external is needed: the way out to what lies outside the release (object storage, Qdrant, Redis)." -}}
{{- end -}}
{{- if and $values.monitoring.enabled $values.networkPolicy.enabled (not $values.networkPolicy.monitoring) -}}
{{- fail "networkPolicy.monitoring is needed with monitoring.enabled: where Prometheus runs." -}}
{{- end -}}
{{- if ne (empty $values.access.oidc.issuer) (empty $values.access.oidc.audience) -}}
{{- fail "access.oidc needs both issuer and audience." -}}
{{- end -}}
{{- if and $values.access.oidc.issuer $values.networkPolicy.enabled (not $values.networkPolicy.external) -}}
{{- fail "networkPolicy.external is needed with access.oidc: the way out to the issuer." -}}
{{- end -}}
{{- $tls := $values.gateway.tls -}}
{{- $issued := $tls.certManager.issuerRef.name -}}
{{- if and (not $tls.secretName) (or $issued $tls.clients.caSecret $tls.clients.secretName $tls.clients.certManager.issuerRef.name) -}}
{{- fail "gateway.tls.secretName is needed: the Secret with the certificate of both edges, which cert-manager makes with certManager." -}}
{{- end -}}
{{- if and (not $tls.clients.secretName) (or $tls.clients.caSecret $tls.clients.certManager.issuerRef.name) -}}
{{- fail "gateway.tls.clients.secretName is needed: the Secret with the certificate that the release's own callers show." -}}
{{- end -}}
{{- if and $tls.clients.secretName (eq $tls.clients.secretName $tls.secretName) -}}
{{- fail "gateway.tls.clients.secretName is the gateways' own: callers need a key of their own." -}}
{{- end -}}
{{- if and $tls.secretName (eq $values.routes.kind "gateway") (or $values.routes.hosts.api $values.routes.hosts.grpc) (not $values.routes.gateway.caConfigMap) -}}
{{- fail "routes.gateway.caConfigMap is needed with gateway.tls: the ConfigMap with ca.crt, by which the Gateway knows the gateways' certificate." -}}
{{- end -}}
{{- $tracing := $values.gateway.tracing -}}
{{- if and $tracing.endpoint $values.networkPolicy.enabled (not $tracing.collector) (not $values.networkPolicy.external) -}}
{{- fail "gateway.tracing.collector is needed with its endpoint: the way out to where the collector runs." -}}
{{- end -}}
{{- $mode := include "recompose.imageUris" . -}}
{{- if and (eq $mode "allowlist") (not $values.gateway.imageUris.hosts) -}}
{{- fail "gateway.imageUris.hosts is needed with mode allowlist: the hosts that pictures are fetched from." -}}
{{- end -}}
{{- if and (eq $mode "public") $values.gateway.imageUris.hosts -}}
{{- fail "gateway.imageUris.hosts needs mode allowlist: public fetches from any host of the internet." -}}
{{- end -}}
{{- range $name, $own := dict "gateway" $values.gateway "gateway.writer" $values.gateway.writer "triton" $values.triton -}}
{{- if and $own.autoscaling.enabled (gt (int $own.replicas) (int $own.autoscaling.maxReplicas)) -}}
{{- fail (printf "%s.autoscaling.maxReplicas is less than %s.replicas, the least." $name $name) -}}
{{- end -}}
{{- end -}}
{{- if and (not $values.qdrant.external.url) (gt (int $values.qdrant.replicationFactor) (int $values.qdrant.replicas)) -}}
{{- fail "qdrant.replicationFactor is more than there are nodes (qdrant.replicas)." -}}
{{- end -}}
{{- if and $values.publish.enabled (ne $values.model.source "claim") -}}
{{- fail "publish.enabled needs model.source claim: a bundle is published into the claim that Triton reads." -}}
{{- end -}}
{{- if and $values.publish.enabled (not $values.training.claim) -}}
{{- fail "publish.enabled needs training.claim, which holds the bundle and the validation set." -}}
{{- end -}}
{{- if and $values.training.enabled (not $values.training.claim) -}}
{{- fail "training.claim is needed: the claim with the data set, which also takes the runs." -}}
{{- end -}}
{{- if and (ne $values.swap.kind "none") (eq $values.model.source "image") -}}
{{- fail "swap.kind needs model.source claim or bucket: the gateway's image holds one bundle." -}}
{{- end -}}
{{- $brought := concat (list $values.model.digest) $values.model.further -}}
{{- if and (eq $values.swap.kind "forward") (eq $values.model.source "bucket") (not (has $values.swap.digest $brought)) -}}
{{- fail "swap.digest is not among model.further: gateways and Triton would not have that bundle." -}}
{{- end -}}
{{- if and $values.imports.enabled (not $values.imports.claim) -}}
{{- fail "imports.claim is needed: the claim that holds the feed." -}}
{{- end -}}
{{- if and (ne $values.routes.kind "none") (not $values.networkPolicy.clients) $values.networkPolicy.enabled -}}
{{- fail "networkPolicy.clients is needed with routes: where the ingress controller or gateway runs." -}}
{{- end -}}
{{- end -}}
