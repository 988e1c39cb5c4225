// Shows the OpenAPI document with Swagger UI. Nothing is fetched from elsewhere: the online validator is off.
const place = document.getElementById("api-docs");

SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  deepLinking: true,
  validatorUrl: null,
  supportedSubmitMethods: ["get"],
});
