// A TLS server or client that says how it judged its peer. Arguments:
//   server PORT KEY CHAIN TRUST CRL
//   client PORT KEY CHAIN TRUST CRL NAME        (an empty CRL: none)
'use strict'
const fs = require('fs')
const https = require('https')
const tls = require('tls')

const [mode, port, key, chain, trust, crl, name] = process.argv.slice(2)
const options = {
  key: fs.readFileSync(key),
  cert: fs.readFileSync(chain),
  ca: [fs.readFileSync(trust)],
  ...(crl ? { crl: fs.readFileSync(crl, 'utf8').split(/(?<=END X509 CRL-----\n)/) } : {})
}

// Node's verdict on the certificate or the name, if there was one. (Its name for a violated name
// constraint is UNSPECIFIED.)
function judgement (socket) {
  return socket.authorizationError && `refused: ${socket.authorizationError}`
}

function serve () {
  const strict = { ...options, requestCert: true, rejectUnauthorized: true }
  const server = https.createServer(strict, (_, response) => response.end('accepted'))
  server.on('tlsClientError', (error, socket) =>
    console.log(judgement(socket) || `failed: ${error.code}`))
  server.listen(Number(port), '127.0.0.1')
}

function connect () {
  const socket = tls.connect({ ...options, host: '127.0.0.1', port: Number(port), servername: name })
  socket.on('secureConnect', () => {
    socket.pipe(process.stdout)
    socket.write('GET / HTTP/1.0\r\n\r\n')
  })
  socket.on('error', error => {
    console.error(judgement(socket) || `failed: ${error.code}: ${error.message}`)
    process.exitCode = 1
  })
}

(mode === 'server' ? serve : connect)()
