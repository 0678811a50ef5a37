// Starts Swagger UI. The session's cookie goes along with what is tried, so nothing has to be typed in.
window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  validatorUrl: null,
});
