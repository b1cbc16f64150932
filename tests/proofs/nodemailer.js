// Sends one message: node nodemailer.js PORT NTLM|LOGIN USER PASSWORD
const nodemailer = require('nodemailer');
const ntlm = require('nodemailer-ntlm-auth');

const [port, method, user, pass] = process.argv.slice(2);
const auth = { type: 'login', user, pass };
if (method === 'NTLM') {
    Object.assign(auth, { type: 'custom', method, options: { domain: 'CONTOSO' } });
}
const transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port: Number(port),
    requireTLS: true,
    tls: { rejectUnauthorized: false },
    auth,
    authMethod: method,
    customAuth: { NTLM: ntlm },
    connectionTimeout: 20000,
    greetingTimeout: 20000,
    socketTimeout: 20000
});
const message = {
    from: 'alice@contoso.test',
    to: 'bob@fabrikam.test',
    subject: 'by nodemailer',
    text: 'Text.'
};
transport.sendMail(message).then(
    sent => console.log(sent.response),
    error => {
        console.log(error.response);
        process.exitCode = 1;
    }
);
