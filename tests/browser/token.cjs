// node token.cjs TOKEN: signs in, works, and signs out.
const assert = require('node:assert');
const { drive, go, look } = require('./browser.cjs');

const [token] = process.argv.slice(2);

drive(async page => {
    await go(page, '/rules');
    await look(page, 'sign in');
    await page.getByLabel('Token').fill('not the token');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('That is not the token.').waitFor();
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Failure rules' }).waitFor();
    assert.match(page.url(), /\/rules$/);
    await page.getByRole('button', { name: 'back-pressure' }).click();
    await page.getByRole('row', { name: /back-pressure/ }).waitFor();

    // A restarted daemon knows none of its passes.
    await page.getByText('Live', { exact: true }).waitFor();
    await page.context().clearCookies();
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await page.getByText('Signed out').waitFor();
    await look(page, 'signed out');
    await page.getByRole('link', { name: 'sign in again' }).click();
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Failure rules' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await go(page, '/rules');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});
