"""Turn notices into mails and send them by SMTP; alert the owners of broken connections."""
