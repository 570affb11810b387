<?php
/** A cart in PHP's session. With SHOP_SESSIONS=before it is as it was before its two lines were changed. */
declare(strict_types=1);

if (!getenv('SHOP_SESSIONS')) {
    require __DIR__ . '/MayflySessions.php';
    $sessions = MayflySessions::register(getenv('MAYFLY_URL'), getenv('MAYFLY_KEY'), lockSeconds: (int) (getenv('SHOP_LOCK') ?: 30));
}
session_start();
$account = $_SERVER['HTTP_X_AUTH_ID'] ?? '';

/** What a visitor had in his cart before the log-in joins what he has: each cart once, however often this is tried. */
if ($account !== '' && isset($sessions, $_SESSION['cart'])) {
    $name = $_SESSION['name'];
    $cart = $_SESSION['cart'];
    $sessions->changeAccount($account, function (array $mine) use ($name, $cart): array {
        if (!in_array($name, $mine['joined'] ?? [], true)) {
            $mine['joined'] = array_slice([...$mine['joined'] ?? [], $name], -20);
            foreach ($cart as $item => $count) {
                $mine['cart'][$item] = ($mine['cart'][$item] ?? 0) + $count;
            }
        }
        return $mine;
    });
    unset($_SESSION['cart'], $_SESSION['name']);
    session_regenerate_id(true);
}
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $item = preg_replace('/[^a-z]/', '', $_GET['item'] ?? '');
    if ($account !== '' && isset($sessions)) {
        $sessions->changeAccount($account, function (array $mine) use ($item): array {
            $mine['cart'][$item] = ($mine['cart'][$item] ?? 0) + 1;
            return $mine;
        });
    } else {
        $_SESSION['name'] ??= bin2hex(random_bytes(8));
        $_SESSION['cart'][$item] = ($_SESSION['cart'][$item] ?? 0) + 1;
    }
}
$cart = $account !== '' && isset($sessions) ? $sessions->changeAccount($account, fn (array $mine): array => $mine)['cart'] ?? [] : $_SESSION['cart'] ?? [];
session_write_close();
header('Content-Type: application/json');
echo json_encode(['cart' => (object) $cart, 'process' => getmypid()]), "\n";
