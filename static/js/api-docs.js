// Starts Swagger UI on the page of the API. Its default picture of the validator would be fetched from elsewhere.
"use strict";

const page = document.getElementById("api-docs");

SwaggerUIBundle({
  url: page.dataset.url,
  domNode: page,
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  defaultModelsExpandDepth: 0,
});
