# Puma does not read PORT by itself.
port ENV.fetch("PORT", 8080), "0.0.0.0"

# One process: rota keeps the copies. Without this line Puma would fork WEB_CONCURRENCY workers of its own.
workers 0
