"""Envoy and what is built on it: Istio, Contour, Emissary, Envoy Gateway, Gloo."""
